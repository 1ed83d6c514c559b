namespace ModelPort.Tests.Caching.Remote;

/// <summary>A server that nobody here wrote.</summary>
public sealed class NginxTests : IDisposable
{
    private readonly RemoteFixture _fixture = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Nginx_keeps_and_gives_back_objects_and_records()
    {
        using var nginx = await NginxServer.Start(_fixture.Folder["nginx"]);
        using var layer = _fixture.Open(nginx.Url);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        layer.StoreRecord(RemoteFixture.Key, "first"u8.ToArray(), Cancellation);
        layer.StoreRecord(RemoteFixture.Key, "second"u8.ToArray(), Cancellation);
        Assert.Equal(_fixture.Content, File.ReadAllBytes(Path.Combine(nginx.Root, "cas", _fixture.Sha256)));
        _fixture.FetchesWhole(layer);
        using var record = new MemoryStream();
        Assert.True(layer.TryFetchRecord(RemoteFixture.Key, record, Cancellation));
        Assert.Equal("second"u8.ToArray(), record.ToArray());
        Assert.False(layer.TryFetchRecord(new string('b', 64), record, Cancellation));
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task Nginx_goes_on_from_where_a_transfer_broke_off()
    {
        using var nginx = await NginxServer.Start(_fixture.Folder["nginx"]);
        using var layer = _fixture.Open(nginx.Url);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        // Had it not been gone on with, the damage before it would not be in what arrives.
        var stored = Path.Combine(nginx.Root, "cas", _fixture.Sha256);
        File.WriteAllBytes(stored, [.. new byte[1_000_000], .. _fixture.Content[1_000_000..]]);
        File.WriteAllBytes(_fixture.Arriving, _fixture.Content[..1_000_000]);
        _fixture.FetchesWhole(layer);
        Assert.Empty(_fixture.Observer.Warnings);
    }

    [Fact]
    public async Task An_object_that_is_damaged_on_nginx_is_replaced()
    {
        using var nginx = await NginxServer.Start(_fixture.Folder["nginx"]);
        var stored = Path.Combine(Directory.CreateDirectory(Path.Combine(nginx.Root, "cas")).FullName, _fixture.Sha256);
        File.WriteAllBytes(stored, new byte[_fixture.Content.Length]);
        using var layer = _fixture.Open(nginx.Url);
        Assert.False(_fixture.Fetch(layer));
        Assert.Equal("MP2061", Assert.Single(_fixture.Observer.Warnings).Code);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        Assert.Equal(_fixture.Content, File.ReadAllBytes(stored));
    }

    [Fact]
    public async Task An_object_that_nginx_finds_too_large_is_the_end_of_the_layer()
    {
        using var nginx = await NginxServer.Start(_fixture.Folder["nginx"], "client_max_body_size 1m;");
        using var layer = _fixture.Open(nginx.Url);
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), Cancellation);
        var warning = Assert.Single(_fixture.Observer.Warnings);
        Assert.Equal("MP2060", warning.Code);
        Assert.Contains("answers PUT with 413", warning.Message, StringComparison.Ordinal);
    }
}
