namespace ModelPort.Tests.Caching.Remote;

/// <summary>What is stored in a remote cache comes back, from a server and from a folder.</summary>
public sealed class RemoteLayerTests : IDisposable
{
    private readonly RemoteFixture _fixture = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task A_server_gives_back_what_was_stored()
    {
        await using var server = await CacheServer.Start();
        RoundTrip(server.Url);
        Assert.Equal(_fixture.Content, server.Files[_fixture.ObjectPath]);
        Assert.Contains("/ac/" + RemoteFixture.Key, server.Files.Keys);
    }

    [Fact]
    public async Task A_server_may_have_a_path_of_its_own()
    {
        await using var server = await CacheServer.Start();
        RoundTrip(server.Url + "/team/models");
        Assert.Contains("/team/models" + _fixture.ObjectPath, server.Files.Keys);
    }

    [Fact]
    public void A_folder_gives_back_what_was_stored_and_holds_nothing_else()
    {
        var share = Directory.CreateDirectory(_fixture.Folder["share with spaces"]).FullName;
        RoundTrip(share);
        Assert.Equal(
            [Path.Combine("ac", RemoteFixture.Key), Path.Combine("cas", _fixture.Sha256)],
            Directory.GetFiles(share, "*", SearchOption.AllDirectories).Select(p => Path.GetRelativePath(share, p)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_is_not_there_is_not_there_and_nobody_is_warned()
    {
        var share = Directory.CreateDirectory(_fixture.Folder["share"]).FullName;
        using var layer = _fixture.Open(share);
        using var record = new MemoryStream();
        Assert.False(_fixture.Fetch(layer));
        Assert.False(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Empty(_fixture.Observer.Warnings);
        Assert.False(File.Exists(_fixture.Arriving));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_not_made()
    {
        using var layer = _fixture.Open(_fixture.Folder["unmounted"]);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.False(Directory.Exists(_fixture.Folder["unmounted"]));
        var warning = Assert.Single(_fixture.Observer.Warnings);
        Assert.Equal(("MP2060", _fixture.Folder["unmounted"]), (warning.Code, warning.File));
    }

    [Fact]
    public async Task A_layer_that_is_only_read_sends_nothing()
    {
        await using var server = await CacheServer.Start();
        using var layer = _fixture.Open(server.Url, isReadOnly: true);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        layer.StoreRecord(RemoteFixture.Key, "record"u8.ToArray(), Cancellation);
        Assert.Empty(server.Asked);
    }

    [Fact]
    public async Task What_the_server_has_is_not_sent_again()
    {
        await using var server = await CacheServer.Start();
        using var layer = _fixture.Open(server.Url);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.Equal(["HEAD", "PUT", "HEAD"], server.Asked.Select(a => a.Split(' ')[0]));
    }

    [Fact]
    public async Task What_a_server_adds_to_a_record_is_passed_over()
    {
        await using var server = await CacheServer.Start();
        using var layer = _fixture.Open(server.Url);
        layer.StoreRecord(RemoteFixture.Key, "record"u8.ToArray(), Cancellation);
        // Field 9 of ActionResult with a field 1 inside: bazel-remote notes the worker's address there.
        var path = "/ac/" + RemoteFixture.Key;
        server.Files[path] = [.. server.Files[path], 0x4A, 0x05, 0x0A, 0x03, (byte)'a', (byte)'b', (byte)'c'];
        using var record = new MemoryStream();
        Assert.True(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Equal("record"u8.ToArray(), record.ToArray());
    }

    [Fact]
    public async Task A_transfer_goes_on_where_an_earlier_one_broke_off()
    {
        await using var server = await CacheServer.Start();
        server.Files[_fixture.ObjectPath] = _fixture.Content;
        var ranges = new List<string>();
        server.Fault = context =>
        {
            ranges.Add(context.Request.Headers.Range.ToString());
            return Task.FromResult(false);
        };
        File.WriteAllBytes(_fixture.Arriving, _fixture.Content[..2_000_000]);
        using var layer = _fixture.Open(server.Url);
        _fixture.FetchesWhole(layer);
        Assert.Equal(["bytes=2000000-"], ranges);
    }

    [Fact]
    public async Task A_beginning_of_something_else_is_noticed_and_fetched_again()
    {
        await using var server = await CacheServer.Start();
        server.Files[_fixture.ObjectPath] = _fixture.Content;
        File.WriteAllBytes(_fixture.Arriving, new byte[1_000_000]);
        using var layer = _fixture.Open(server.Url);
        _fixture.FetchesWhole(layer);
        Assert.Equal(2, server.Asked.Count);
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task A_key_that_is_no_hash_never_becomes_a_path()
    {
        await using var server = await CacheServer.Start();
        using var layer = _fixture.Open(server.Url);
        Assert.Throws<ArgumentException>(() => layer.TryFetchRecord("../../etc/passwd", Stream.Null, Cancellation));
        Assert.Throws<ArgumentException>(() => layer.TryFetchObject(_fixture.Sha256.ToUpperInvariant(), 1, _fixture.Arriving, Cancellation));
        Assert.Empty(server.Asked);
    }

    private void RoundTrip(string address)
    {
        var text = "the record of a run"u8.ToArray();
        using var layer = _fixture.Open(address);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        layer.StoreRecord(RemoteFixture.Key, text, Cancellation);
        _fixture.FetchesWhole(layer);
        using var record = new MemoryStream();
        Assert.True(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Equal(text, record.ToArray());
        Assert.Empty(_fixture.Observer.Warnings);
    }
}
