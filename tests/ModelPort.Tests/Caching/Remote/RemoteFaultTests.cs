using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ModelPort.Caching.Remote;

namespace ModelPort.Tests.Caching.Remote;

/// <summary>A remote cache that is dead, slow, lying or refusing costs a bounded time and one warning, and never gives a wrong object.</summary>
public sealed class RemoteFaultTests : IDisposable
{
    // Many periods of the impatient limits, on a machine that is busy, and not one of the others.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(9);
    private readonly RemoteFixture _fixture = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_server_that_is_not_there_is_given_up()
    {
        int port;
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            port = ((IPEndPoint)free.LocalEndpoint).Port;
        }

        GivenUp($"http://127.0.0.1:{port}", "refused");
    }

    [Fact]
    public void A_server_that_accepts_and_says_nothing_is_given_up()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        GivenUp($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}", "too slowly", RemoteFixture.Impatient);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(507)]
    public async Task A_server_that_refuses_is_given_up(int status)
    {
        await using var server = await Serving(context => Status(context, status));
        GivenUp(server.Url, status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Single(server.Asked);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    [InlineData(507)]
    public async Task A_server_that_does_not_take_an_object_is_given_up(int status)
    {
        await using var server = await Serving(context => context.Request.Method == "PUT" ? Status(context, status) : Task.FromResult(false));
        using var layer = _fixture.Open(server.Url);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Warned("MP2060", $"answers PUT with {status}");
        layer.StoreRecord(RemoteFixture.Key, "record"u8.ToArray(), Cancellation);
        Assert.Equal(2, server.Asked.Count);
    }

    [Fact]
    public async Task A_server_that_hangs_in_the_middle_is_given_up_and_the_beginning_is_kept()
    {
        await using var server = await Serving(async context =>
        {
            context.Response.ContentLength = _fixture.Content.Length;
            await context.Response.Body.WriteAsync(_fixture.Content.AsMemory(0, 1_000_000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        });
        GivenUp(server.Url, "too slowly", RemoteFixture.Impatient);
        var kept = File.ReadAllBytes(_fixture.Arriving);
        Assert.InRange(kept.Length, 0, 1_000_000);
        Assert.True(_fixture.Content.AsSpan().StartsWith(kept));
    }

    [Fact]
    public async Task A_server_that_drips_is_given_up()
    {
        await using var server = await Serving(async context =>
        {
            context.Response.ContentLength = _fixture.Content.Length;
            foreach (var b in _fixture.Content)
            {
                await context.Response.Body.WriteAsync(new[] { b }, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(20, context.RequestAborted);
            }

            return true;
        });
        GivenUp(server.Url, "too slowly", RemoteFixture.Impatient);
    }

    [Fact]
    public async Task A_server_that_never_says_it_has_kept_an_object_is_given_up()
    {
        await using var server = await Serving(async context =>
        {
            if (context.Request.Method != "PUT")
            {
                return false;
            }

            await context.Request.Body.CopyToAsync(Stream.Null);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        });
        using var layer = _fixture.Open(server.Url, limits: RemoteFixture.Impatient);
        var start = Stopwatch.GetTimestamp();
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, Bound);
        Warned("MP2060", "too slowly");
    }

    [Fact]
    public async Task A_connection_that_is_reset_is_gone_on_with()
    {
        var breaks = 2;
        await using var server = await Serving(async context =>
        {
            if (breaks-- <= 0)
            {
                return false;
            }

            var from = context.Request.Headers.Range.ToString() is { Length: > 0 } range ? int.Parse(range[6..^1], System.Globalization.CultureInfo.InvariantCulture) : 0;
            context.Response.StatusCode = from > 0 ? 206 : 200;
            context.Response.Headers.ContentRange = from > 0 ? $"bytes {from}-{_fixture.Content.Length - 1}/{_fixture.Content.Length}" : default;
            context.Response.ContentLength = _fixture.Content.Length - from;
            await context.Response.Body.WriteAsync(_fixture.Content.AsMemory(from, 500_000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(100);
            context.Abort();
            return true;
        });
        server.Files[_fixture.ObjectPath] = _fixture.Content;
        using var layer = _fixture.Open(server.Url);
        _fixture.FetchesWhole(layer);
        Assert.Equal(3, server.Asked.Count);
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task An_object_that_changes_between_two_tries_is_fetched_from_its_beginning()
    {
        var first = true;
        await using var server = await Serving(async context =>
        {
            if (!first)
            {
                return false;
            }

            first = false;
            context.Response.Headers.ETag = "\"another\"";
            context.Response.ContentLength = _fixture.Content.Length;
            await context.Response.Body.WriteAsync(new byte[400_000]);
            await context.Response.Body.FlushAsync();
            await Task.Delay(100);
            context.Abort();
            return true;
        });
        server.Files[_fixture.ObjectPath] = _fixture.Content;
        using var layer = _fixture.Open(server.Url);
        // If-Range does not match, so that the server sends all of it.
        _fixture.FetchesWhole(layer);
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task A_connection_that_is_always_reset_is_given_up()
    {
        await using var server = await Serving(context =>
        {
            context.Abort();
            return Task.FromResult(true);
        });
        GivenUp(server.Url, "");
    }

    [Fact]
    public async Task A_truncated_object_is_never_taken()
    {
        await using var server = await Serving(async context =>
        {
            // Without a length the end of the body looks like the end of the object.
            context.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
            await context.Response.Body.WriteAsync(context.Request.Headers.Range.Count > 0 ? default : _fixture.Content.AsMemory(0, 1_000_000));
            return true;
        });
        using var layer = _fixture.Open(server.Url);
        Assert.False(_fixture.Fetch(layer));
        Warned("MP2060", "of 3000001 bytes and then no more");
    }

    [Fact]
    public async Task Wrong_bytes_are_never_taken_and_replaced_by_sound_ones()
    {
        await using var server = await CacheServer.Start();
        var lie = (byte[])_fixture.Content.Clone();
        lie[2_999_999] ^= 1;
        server.Files[_fixture.ObjectPath] = lie;
        using var layer = _fixture.Open(server.Url);
        Assert.False(_fixture.Fetch(layer));
        Assert.False(File.Exists(_fixture.Arriving));
        Warned("MP2061", "other bytes than their name says");
        Assert.False(_fixture.Fetch(layer));
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.Equal(_fixture.Content, server.Files[_fixture.ObjectPath]);
        Assert.Single(_fixture.Observer.Warnings);
    }

    [Theory]
    [InlineData(2_999_999)]
    [InlineData(3_000_002)]
    [InlineData(0)]
    public async Task An_object_of_another_length_is_not_even_read(int length)
    {
        await using var server = await CacheServer.Start();
        server.Files[_fixture.ObjectPath] = new byte[length];
        using var layer = _fixture.Open(server.Url);
        Assert.False(_fixture.Fetch(layer));
        Assert.False(File.Exists(_fixture.Arriving));
        Warned("MP2061", $"{length} bytes instead of 3000001");
    }

    [Fact]
    public async Task An_object_without_end_is_cut_off()
    {
        await using var server = await Endless(1 << 16);
        GivenUp(server.Url, "more than the 3000001 bytes");
        Assert.InRange(new FileInfo(_fixture.Arriving).Length, 0, _fixture.Content.Length);
    }

    [Fact]
    public async Task A_record_without_end_is_cut_off()
    {
        await using var server = await Endless(1 << 20);
        using var layer = _fixture.Open(server.Url);
        using var record = new MemoryStream();
        Assert.False(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Equal(0, record.Length);
        Warned("MP2060", "a record of more than");
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>Please log in</html>")]
    public async Task A_record_that_is_none_is_passed_over(string text)
    {
        await using var server = await CacheServer.Start();
        server.Files["/ac/" + RemoteFixture.Key] = System.Text.Encoding.UTF8.GetBytes(text);
        using var layer = _fixture.Open(server.Url);
        using var record = new MemoryStream();
        Assert.False(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Equal(0, record.Length);
        Warned("MP2061", "no whole record");
    }

    [Fact]
    public async Task A_redirect_to_another_server_is_not_followed_with_or_without_credentials()
    {
        await using var other = await CacheServer.Start();
        other.Files[_fixture.ObjectPath] = _fixture.Content;
        await using var server = await Serving(context =>
        {
            context.Response.Redirect(other.Url + context.Request.Path);
            return Task.FromResult(true);
        });
        GivenUp(server.Url, "redirects to another server");
        Assert.Empty(other.Asked);
    }

    [Fact]
    public async Task A_redirect_on_the_same_server_is_followed_and_a_circle_is_not()
    {
        await using var server = await Serving(context =>
        {
            var path = context.Request.Path.Value!;
            if (path.StartsWith("/v2", StringComparison.Ordinal))
            {
                return Task.FromResult(false);
            }

            context.Response.Redirect(path == _fixture.ObjectPath ? "/v2" + path : path);
            return Task.FromResult(true);
        });
        server.Files["/v2" + _fixture.ObjectPath] = _fixture.Content;
        using var layer = _fixture.Open(server.Url);
        _fixture.FetchesWhole(layer);
        using var record = new MemoryStream();
        Assert.False(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Warned("MP2060", "in a circle");
    }

    [Fact]
    public async Task A_cancelled_run_stops_waiting()
    {
        await using var server = await Serving(async context =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        });
        using var layer = _fixture.Open(server.Url);
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        Assert.ThrowsAny<OperationCanceledException>(() => layer.TryFetchObject(_fixture.Sha256, _fixture.Content.Length, _fixture.Arriving, cancel.Token));
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_here_is_named()
    {
        await using var server = await CacheServer.Start();
        server.Files[_fixture.ObjectPath] = _fixture.Content;
        using var layer = _fixture.Open(server.Url);
        Assert.False(layer.TryFetchObject(_fixture.Sha256, _fixture.Content.Length, _fixture.Folder["no folder/object"], Cancellation));
        Warned("MP2060", "cannot be written here");
    }

    private static Task<bool> Status(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.FromResult(true);
    }

    /// <summary>A server whose answers have no end.</summary>
    private static Task<CacheServer> Endless(int blockBytes) => Serving(async context =>
    {
        var block = new byte[blockBytes];
        while (!context.RequestAborted.IsCancellationRequested)
        {
            await context.Response.Body.WriteAsync(block, context.RequestAborted);
        }

        return true;
    });

    private static async Task<CacheServer> Serving(Func<HttpContext, Task<bool>> fault)
    {
        var server = await CacheServer.Start();
        server.Fault = fault;
        return server;
    }

    /// <summary>Whatever is asked after the first fault costs nothing and says nothing.</summary>
    private void GivenUp(string url, string found, RemoteLimits? limits = null)
    {
        using var layer = _fixture.Open(url, limits: limits);
        var start = Stopwatch.GetTimestamp();
        Assert.False(_fixture.Fetch(layer));
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, Bound);
        start = Stopwatch.GetTimestamp();
        using var record = new MemoryStream();
        Assert.False(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.False(_fixture.Fetch(layer));
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, Bound);
        Warned("MP2060", found);
    }

    private void Warned(string code, string found)
    {
        var warning = Assert.Single(_fixture.Observer.Warnings);
        Assert.Equal(code, warning.Code);
        Assert.Contains(found, warning.Message, StringComparison.Ordinal);
    }
}
