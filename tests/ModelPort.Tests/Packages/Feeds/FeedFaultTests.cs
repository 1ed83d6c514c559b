using CsCheck;
using Microsoft.AspNetCore.Http;
using ModelPort.Diagnostics;
using ModelPort.Packages.Feeds;

namespace ModelPort.Tests.Packages.Feeds;

/// <summary>Feeds that refuse, fail, hang, break off or lie.</summary>
public sealed class FeedFaultTests : IAsyncLifetime
{
    private const string Secret = "s3cret-word";
    private FeedFixture _feed = null!;

    public async ValueTask InitializeAsync() => _feed = await FeedFixture.Start();

    public ValueTask DisposeAsync() => _feed.DisposeAsync();

    [Fact]
    public void Credentials_come_from_the_configuration_and_are_never_repeated()
    {
        _feed.Server.Credentials = ("me", Secret);
        var refused = FeedFixture.Refused(() => _feed.List());
        Assert.Equal("MP5041", refused.Code);
        Assert.Contains("401", refused.Message, StringComparison.Ordinal);

        string With(string password) => _feed.Server.Configuration($"<packageSourceCredentials><served><add key=\"Username\" value=\"me\" /><add key=\"ClearTextPassword\" value=\"{password}\" /></served></packageSourceCredentials>");
        _feed.Configure(With("wr0ng-word"));
        var wrong = FeedFixture.Refused(() => _feed.List());
        Assert.Equal("MP5041", wrong.Code);
        Assert.DoesNotContain("wr0ng-word", wrong.Message, StringComparison.Ordinal);
        _feed.Configure(With(Secret));
        Assert.Equal(2, _feed.List().Count);
        Assert.Empty(Assert.Single(_feed.Verify("Acme.Tiny@1.0.0")).Errors);

        var hidden = FeedFixture.Refused(() => _feed.List(options: _feed.Options with { Sources = [$"http://me:{Secret}@127.0.0.1:9/v3/index.json?sig={Secret}"] }));
        Assert.Equal("MP5040", hidden.Code);
        Assert.Contains("http://127.0.0.1:9/v3/index.json", hidden.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, hidden.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "MP5041")]
    [InlineData(404, "MP5040")]
    [InlineData(500, "MP5040")]
    public void A_status_that_is_no_answer_is_told(int status, string code)
    {
        Answer(path => path.EndsWith("/v3/index.json", StringComparison.Ordinal), c => c.Response.StatusCode = status);
        Assert.Equal(code, FeedFixture.Refused(() => _feed.List()).Code);
        Answer(path => path.EndsWith(".nupkg", StringComparison.Ordinal), c => c.Response.StatusCode = status);
        var onPackage = FeedFixture.Refused(() => _feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.1.0"));
        Assert.Equal(code, onPackage.Code);
        Assert.Contains(status.ToString(System.Globalization.CultureInfo.InvariantCulture), onPackage.Message, StringComparison.Ordinal);
        Assert.Equal(code, FeedFixture.Refused(() => _feed.Verify("Acme.Tiny@1.0.0")).Code);
    }

    [Fact]
    public void A_server_that_hangs_is_given_up()
    {
        _feed.Server.Fault = async context =>
        {
            if (context.Request.Path.Value!.EndsWith(".nupkg", StringComparison.Ordinal))
            {
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
            }

            return false;
        };
        Assert.Equal("MP5040", FeedFixture.Refused(() => _feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.1.0")).Code);
    }

    [Fact]
    public void A_download_that_breaks_off_goes_on_from_where_it_was()
    {
        var breaks = 0;
        List<string> ranges = [];
        var bytes = File.ReadAllBytes(Path.Combine(_feed.Packages, "Acme.Tiny.1.0.0.nupkg"));
        _feed.Server.Fault = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith(".nupkg", StringComparison.Ordinal))
            {
                return false;
            }

            ranges.Add(context.Request.Headers.Range.ToString());
            if (Interlocked.Increment(ref breaks) > 1)
            {
                return false;
            }

            context.Response.ContentLength = bytes.Length;
            await context.Response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 2));
            await context.Response.Body.FlushAsync();
            await Task.Delay(100);
            context.Abort();
            return true;
        };
        Assert.Empty(Assert.Single(_feed.Verify("Acme.Tiny@1.0.0")).Errors);
        Assert.Equal(2, ranges.Count);
        Assert.StartsWith("bytes=", ranges[1], StringComparison.Ordinal);
        Assert.NotEqual("bytes=0-", ranges[1]);
    }

    [Fact]
    public void A_package_that_changes_while_it_is_read_is_no_mixture_of_two()
    {
        var asked = 0;
        _feed.Server.Fault = context =>
        {
            if (context.Request.Path.Value!.EndsWith(".nupkg", StringComparison.Ordinal) && Interlocked.Increment(ref asked) == 2)
            {
                SyntheticPackage.Write(_feed.Packages, "Acme.Tiny", "1.0.0", FeedFixture.Large + 1000);
            }

            return Task.FromResult(false);
        };
        var changed = FeedFixture.Refused(() => _feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.0.0"));
        Assert.Equal("MP5040", changed.Code);
        Assert.Contains("another one", changed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_package_is_a_row_that_says_so_and_hides_no_other()
    {
        Answer(p => p.EndsWith("acme.tiny.1.1.0.nupkg", StringComparison.Ordinal), c => c.Response.StatusCode = 200);
        var listed = _feed.List();
        Assert.Equal("not readable: MP5020", listed.Versions[0].Note);
        Assert.Equal("MP5020", listed.Versions[0].Error!.Code);
        Assert.Single(listed.Versions[1].Models);
    }

    [Fact]
    public void A_stream_over_ranges_reads_what_the_file_has()
    {
        var content = File.ReadAllBytes(Path.Combine(_feed.Packages, "Acme.Tiny.1.0.0.nupkg"));
        Gen.Select(Gen.Int[0, content.Length + 10], Gen.Int[0, 300_000]).Array[1, 12].Sample(
            reads =>
            {
                using var stream = Stream(_feed.Options.Limits with { Ranges = long.MaxValue });
                Assert.Equal(content.Length, stream.Length);
                foreach (var (from, count) in reads)
                {
                    stream.Position = from;
                    var part = new byte[count];
                    var read = stream.ReadAtLeast(part, count, throwOnEndOfStream: false);
                    Assert.True(part.AsSpan(0, read).SequenceEqual(content.AsSpan(Math.Min(from, content.Length), Math.Min(count, Math.Max(0, content.Length - from)))));
                }
            },
            iter: 40,
            threads: 1);
    }

    [Fact]
    public void What_a_server_claims_takes_no_more_than_was_allowed()
    {
        // A directory of more entries than any package of models has.
        var path = SyntheticPackage.Write(_feed.Packages, "Acme.Tiny", "3.0.0");
        using (var archive = new System.IO.Compression.ZipArchive(File.Open(path, FileMode.Open), System.IO.Compression.ZipArchiveMode.Update))
        {
            foreach (var i in Enumerable.Range(0, 20_000))
            {
                archive.CreateEntry($"files/{i:D60}");
            }
        }

        var refused = FeedFixture.Refused(() => _feed.Compare("Acme.Tiny@3.0.0", "Acme.Tiny@3.0.0"));
        Assert.Equal("MP5020", refused.Code);
        Assert.InRange(_feed.Server.Sent, 1, 2 * _feed.Options.Limits.Ranges);
    }

    [Fact]
    public void Damage_anywhere_ends_in_a_coded_error_or_in_the_right_numbers()
    {
        var good = File.ReadAllBytes(Path.Combine(_feed.Packages, "Acme.Tiny.2.0.0-beta.1.nupkg"));
        var served = good;
        _feed.Server.Fault = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith(".nupkg", StringComparison.Ordinal))
            {
                return false;
            }

            await Results.Bytes(served, enableRangeProcessing: true).ExecuteAsync(context);
            return true;
        };
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[1, 255], Gen.Bool).Sample(
            damage =>
            {
                var (at, change, cut) = damage;
                served = cut ? good[..at] : [.. good];
                if (!cut)
                {
                    served[at] ^= (byte)change;
                }

                Coded(() => Assert.Contains(_feed.Compare("Acme.Tiny@2.0.0-beta.1", "Acme.Tiny@2.0.0-beta.1").Lines, l => l.What == "mean divergence"));
                Coded(() => Assert.DoesNotContain(_feed.Verify("Acme.Tiny@2.0.0-beta.1").SelectMany(m => m.Errors), e => e.Code == "MP9999"));
            },
            iter: 60,
            threads: 1);

        static void Coded(Action action)
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                Assert.True(Diagnose.From(e, "").Code != "MP9999", e.ToString());
            }
        }
    }

    private Stream Stream(FeedLimits limits)
    {
        var source = NuGet.Protocol.Core.Types.Repository.Factory;
        var repository = NuGet.Protocol.FactoryExtensionsV3.GetCoreV3(source, _feed.Server.Index);
        var http = repository.GetResource<NuGet.Protocol.HttpSourceResource>()!.HttpSource;
        var package = new RemotePackage("served", new Uri(_feed.Server.Url + "/flat/acme.tiny/1.0.0/acme.tiny.1.0.0.nupkg"), http, limits);
        return package.TryOpen(TestContext.Current.CancellationToken).GetAwaiter().GetResult()!;
    }

    private void Answer(Func<string, bool> where, Action<HttpContext> answer) => _feed.Server.Fault = context =>
    {
        if (!where(context.Request.Path.Value!))
        {
            return Task.FromResult(false);
        }

        answer(context);
        return Task.FromResult(true);
    };
}
