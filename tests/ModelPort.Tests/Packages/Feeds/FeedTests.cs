using System.IO.Compression;
using ModelPort.Packages;
using ModelPort.Packages.Feeds;

namespace ModelPort.Tests.Packages.Feeds;

/// <summary>Packages that are named by identity and version, on a real server of NuGet's protocol.</summary>
public sealed class FeedTests : IAsyncLifetime
{
    private FeedFixture _feed = null!;

    public async ValueTask InitializeAsync() => _feed = await FeedFixture.Start();

    public ValueTask DisposeAsync() => _feed.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Comparing_two_packages_moves_a_small_part_of_them(bool registrations)
    {
        _feed.Server.ServesRegistrations = registrations;
        var compared = _feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.1.0");
        Assert.Equal(("Acme.Tiny 1.0.0", "Acme.Tiny 1.1.0"), (compared.Old, compared.New));
        Assert.Equal(ChangeKind.Worse, compared.Lines.Single(l => l.What == "mean divergence").Kind);
        Assert.InRange(_feed.Server.Sent, 1, 6 * RangeStream.BlockBytes);
        Assert.Empty(_feed.Observer.Warnings);
    }

    [Fact]
    public void Parts_of_a_package_are_fetched_with_it_in_exactly_its_version_and_compared_without()
    {
        var package = SyntheticPackage.Write(_feed.Packages, "Acme.Big", "1.0.0");
        var part = SyntheticPackage.Write(_feed.Packages, "Acme.Big.Part1", "1.0.0", isModel: false);
        SyntheticPackage.Write(_feed.Packages, "Acme.Big.Part1", "1.0.1", isModel: false);
        MoveWeights(package, part);
        var model = Assert.Single(_feed.Verify("Acme.Big@1.0.0"));
        Assert.Equal((0, 2), (model.Errors.Count, model.Files));

        File.Delete(part);
        var missing = Assert.Single(Assert.Single(_feed.Verify("Acme.Big@1.0.0")).Errors);
        Assert.Contains("Acme.Big.Part1@1.0.0", missing.Message, StringComparison.Ordinal);
        Assert.False(_feed.Compare("Acme.Big@1.0.0", "Acme.Tiny@1.0.0").IsWorse);
    }

    private static void MoveWeights(string package, string part)
    {
        using var from = ZipFile.Open(package, ZipArchiveMode.Update);
        using var to = ZipFile.Open(part, ZipArchiveMode.Update);
        var weights = from.Entries.Single(e => e.Name.EndsWith(".gguf", StringComparison.Ordinal));
        using (var source = weights.Open())
        using (var target = to.CreateEntry(weights.FullName).Open())
        {
            source.CopyTo(target);
        }

        weights.Delete();
        var nuspec = from.Entries.Single(e => e.Name.EndsWith(".nuspec", StringComparison.Ordinal));
        string text;
        using (var reader = new StreamReader(nuspec.Open()))
        {
            text = reader.ReadToEnd();
        }

        nuspec.Delete();
        using var writer = new StreamWriter(from.CreateEntry(nuspec.FullName).Open());
        writer.Write(text.Replace("</metadata>", "<dependencies><dependency id=\"Acme.Big.Part1\" version=\"[1.0.0]\" /></dependencies></metadata>", StringComparison.Ordinal));
    }

    [Fact]
    public void A_server_that_ignores_ranges_gives_small_packages_whole_and_large_ones_after_a_warning()
    {
        _feed.Server.ServesRanges = false;
        Assert.Single(_feed.Compare("Acme.Tiny@2.0.0-beta.1", "Acme.Tiny@2.0.0-beta.1").Lines, l => l.What == "mean divergence");
        Assert.Empty(_feed.Observer.Warnings);
        Assert.True(_feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.1.0").IsWorse);
        Assert.Equal(["MP5047", "MP5047"], _feed.Observer.Warnings.Select(w => w.Code));

        var listed = _feed.List(options: _feed.Options with { Prerelease = true });
        Assert.Equal([null, "not read: the feed serves no ranges", "not read: the feed serves no ranges"], listed.Versions.Select(v => v.Note));
        Assert.Single(listed.Versions[0].Models);
    }

    [Fact]
    public void The_list_has_the_listed_versions_with_their_numbers_the_newest_first()
    {
        _feed.Server.Unlisted.Add("acme.tiny/1.0.0");
        SyntheticPackage.Write(_feed.Packages, "Acme.Tiny", "1.2.0", isModel: false);
        var listed = _feed.List();
        Assert.Equal((2, "1.2.0 no model"), (listed.Count, $"{listed.Versions[0].Version} {listed.Versions[0].Note}"));
        var model = Assert.Single(listed.Versions[1].Models);
        Assert.Equal(new ListedModel("tiny", "Q8_0", FeedFixture.Large, 2, 0.02, 97.5, "kept", "mit", new string('a', 64)), model);
        Assert.NotNull(listed.Versions[1].Published);
        Assert.Equal(["2.0.0-beta.1"], _feed.List(options: _feed.Options with { Prerelease = true }, most: 1).Versions.Select(v => v.Version));
        Assert.InRange(_feed.Server.Sent, 1, 8 * RangeStream.BlockBytes);
        Assert.Equal("MP5021", FeedFixture.Refused(() => _feed.List("Acme.Other")).Code);
    }

    [Theory]
    [InlineData("Acme.Tiny", "1.1.0")]
    [InlineData("acme.tiny@1.*", "1.1.0")]
    [InlineData("Acme.Tiny@[1.0,2.0)", "1.0.0")]
    [InlineData("Acme.Tiny@(1.0,2.0)", "1.1.0")]
    [InlineData("Acme.Tiny@*-*", "2.0.0-beta.1")]
    [InlineData("Acme.Tiny@1.0", "1.0.0")]
    public void A_name_stands_for_one_version(string name, string version)
    {
        using var opened = NamedPackage.Open(name, _feed.Options, _feed.Observer, TestContext.Current.CancellationToken);
        Assert.Equal(version, opened.Name.Split(' ')[1]);
        Assert.Equal($"the feed served ({_feed.Server.Index})", opened.From);
    }

    [Fact]
    public void The_latest_version_is_a_listed_one_and_an_exact_one_may_be_hidden()
    {
        _feed.Server.Unlisted.Add("acme.tiny/1.1.0");
        using (var latest = NamedPackage.Open("Acme.Tiny", _feed.Options, _feed.Observer, TestContext.Current.CancellationToken))
        {
            Assert.Equal("Acme.Tiny 1.0.0", latest.Name);
        }

        using (var latest = NamedPackage.Open("Acme.Tiny", _feed.Options with { Prerelease = true }, _feed.Observer, TestContext.Current.CancellationToken))
        {
            Assert.Equal("Acme.Tiny 2.0.0-beta.1", latest.Name);
        }

        using var hidden = NamedPackage.Open("Acme.Tiny@1.1.0", _feed.Options, _feed.Observer, TestContext.Current.CancellationToken);
        Assert.Equal("Acme.Tiny 1.1.0", hidden.Name);
    }

    [Fact]
    public void Verify_reads_every_byte_and_leaves_none_behind()
    {
        var before = Directory.GetFiles(Path.GetTempPath(), "modelport-*.nupkg");
        var model = Assert.Single(_feed.Verify("Acme.Tiny@1.0.0"));
        Assert.Empty(model.Errors);
        Assert.True(_feed.Server.Sent > FeedFixture.Large);
        Assert.Equal(before, Directory.GetFiles(Path.GetTempPath(), "modelport-*.nupkg"));
    }

    [Fact]
    public void A_folder_of_packages_is_a_feed_too()
    {
        var options = _feed.Options with { Sources = [_feed.Packages] };
        Assert.True(_feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny", options).IsWorse);
        Assert.Equal(["1.1.0", "1.0.0"], _feed.List(options: options).Versions.Select(v => v.Version));
        Assert.Empty(Assert.Single(_feed.Verify("Acme.Tiny@1.1.0", options)).Errors);
        Assert.Empty(_feed.Server.Asked);
        Assert.Equal("MP5042", FeedFixture.Refused(() => _feed.List("Acme.Nowhere", options)).Code);
    }

    [Fact]
    public void What_was_restored_before_is_read_without_asking_anybody()
    {
        var folder = Path.Combine(_feed.Options.Directory, "fallback", "acme.tiny", "1.0.0");
        System.IO.Compression.ZipFile.ExtractToDirectory(Path.Combine(_feed.Packages, "Acme.Tiny.1.0.0.nupkg"), folder);
        _feed.Configure(_feed.Server.Configuration().Replace("<fallbackPackageFolders><clear />", "<fallbackPackageFolders><clear /><add key=\"own\" value=\"fallback\" />", StringComparison.Ordinal));
        Assert.NotEmpty(_feed.Verify("Acme.Tiny@1.0.0"));
        // Restore writes this file when all others are there.
        Assert.NotEmpty(_feed.Server.Asked);
        File.WriteAllText(Path.Combine(folder, ".nupkg.metadata"), "{}");
        _feed.Server.Asked.Clear();
        Assert.Empty(Assert.Single(_feed.Verify("Acme.Tiny@1.0.0")).Errors);
        Assert.False(_feed.Compare("Acme.Tiny@1.0.0", "Acme.Tiny@1.0.0").IsWorse);
        Assert.Empty(_feed.Server.Asked);

        // Who names a source asks what lies there.
        Assert.Empty(Assert.Single(_feed.Verify("Acme.Tiny@1.0.0", _feed.Options with { Sources = ["served"] })).Errors);
        Assert.NotEmpty(_feed.Server.Asked);
    }

    [Fact]
    public void Configuration_decides_which_feeds_are_asked_as_it_does_for_restore()
    {
        _feed.Configure(_feed.Server.Configuration("<packageSourceMapping><packageSource key=\"served\"><package pattern=\"Acme.*\" /></packageSource></packageSourceMapping>"));
        Assert.Equal(2, _feed.List().Count);
        _feed.Configure(_feed.Server.Configuration("<packageSourceMapping><packageSource key=\"served\"><package pattern=\"Contoso.*\" /></packageSource></packageSourceMapping>"));
        Assert.Equal("MP5044", FeedFixture.Refused(() => _feed.List()).Code);
        _feed.Configure(_feed.Server.Configuration().Replace("<disabledPackageSources><clear />", "<disabledPackageSources><clear /><add key=\"served\" value=\"true\" />", StringComparison.Ordinal));
        Assert.Equal("MP5045", FeedFixture.Refused(() => _feed.List()).Code);
        Assert.Equal(2, _feed.List(options: _feed.Options with { Sources = [_feed.Server.Index] }).Count);

        var file = Path.Combine(_feed.Options.Directory, "other.config");
        Assert.Equal("MP5045", FeedFixture.Refused(() => _feed.List(options: _feed.Options with { ConfigFile = file })).Code);
        File.WriteAllText(file, _feed.Server.Configuration());
        Assert.Equal(2, _feed.List(options: _feed.Options with { ConfigFile = "other.config" }).Count);
        var unknown = FeedFixture.Refused(() => _feed.List(options: _feed.Options with { ConfigFile = file, Sources = ["severd"] }));
        Assert.Equal("MP5045", unknown.Code);
        Assert.Contains("configured are served", unknown.Message, StringComparison.Ordinal);
        File.WriteAllText(file, "<configuration");
        Assert.Equal("MP5045", FeedFixture.Refused(() => _feed.List(options: _feed.Options with { ConfigFile = file })).Code);
        File.WriteAllText(file, "<configuration><packageSources><clear /><add key=\"plain\" value=\"http://packages.example.com/v3/index.json\" /></packageSources></configuration>");
        Assert.Equal("MP5046", FeedFixture.Refused(() => _feed.List(options: _feed.Options with { ConfigFile = file })).Code);
    }

    [Fact]
    public void A_version_that_is_not_there_is_answered_with_those_that_are_near()
    {
        foreach (var minor in Enumerable.Range(2, 8))
        {
            SyntheticPackage.Write(_feed.Packages, "Acme.Tiny", $"1.{minor}.0");
        }

        var missing = FeedFixture.Refused(() => _feed.Verify("Acme.Tiny@1.5.1"));
        Assert.Equal("MP5043", missing.Code);
        Assert.Contains("there are: 1.7.0, 1.6.0, 1.5.0, 1.4.0, 1.3.0.", missing.Message, StringComparison.Ordinal);
        Assert.Equal("MP5043", FeedFixture.Refused(() => _feed.Verify("Acme.Tiny@[3.0,)")).Code);
        Assert.Equal("MP5042", FeedFixture.Refused(() => _feed.Verify("Acme.Tyni@1.0.0")).Code);
        Assert.Equal("MP5042", FeedFixture.Refused(() => _feed.Verify("nowhere")).Code);
        Assert.Equal("MP5020", FeedFixture.Refused(() => _feed.Verify("nowhere.nupkg")).Code);
        Assert.Equal("MP5048", FeedFixture.Refused(() => _feed.Verify("Acme.Tiny@latest")).Code);
        Assert.Equal("MP5048", FeedFixture.Refused(() => _feed.List("Acme.Tiny@1.0.0")).Code);
    }
}
