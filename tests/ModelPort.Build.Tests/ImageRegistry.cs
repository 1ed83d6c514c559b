using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace ModelPort.Build.Tests;

/// <summary>A container registry on loopback that has one image, of one layer with one small file: enough for dotnet publish to build an image upon.</summary>
internal sealed class ImageRegistry : IDisposable
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    private readonly HttpListener _listener = new();
    private readonly Dictionary<string, (string Type, byte[] Content)> _files = [];
    private readonly Task _serving;

    public ImageRegistry()
    {
        byte[] layer = Layer();
        byte[] compressed = Compressed(layer);
        string architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
        byte[] config = Encoding.UTF8.GetBytes($$"""{"architecture":"{{architecture}}","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["{{Digest(layer)}}"]},"history":[]}""");
        byte[] manifest = Encoding.UTF8.GetBytes($$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",
             "config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":{{config.Length}},"digest":"{{Digest(config)}}"},
             "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":{{compressed.Length}},"digest":"{{Digest(compressed)}}"}]}
            """);
        _files["/v2/"] = ("application/json", "{}"u8.ToArray());
        _files["/v2/base/manifests/1"] = (ManifestType, manifest);
        foreach (byte[] blob in new[] { config, compressed })
        {
            _files["/v2/base/blobs/" + Digest(blob)] = ("application/octet-stream", blob);
        }

        string address = $"localhost:{FreePort()}";
        Image = $"{address}/base:1";
        _listener.Prefixes.Add($"http://{address}/");
        _listener.Start();
        _serving = Task.Run(Serve);
    }

    /// <summary>The name of the image.</summary>
    public string Image { get; }

    public void Dispose()
    {
        _listener.Close();
        _serving.Wait();
    }

    private async Task Serve()
    {
        try
        {
            while (true)
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                using HttpListenerResponse response = context.Response;
                if (!_files.TryGetValue(context.Request.Url!.AbsolutePath, out (string Type, byte[] Content) file))
                {
                    response.StatusCode = 404;
                    continue;
                }

                response.ContentType = file.Type;
                response.ContentLength64 = file.Content.Length;
                response.Headers["Docker-Content-Digest"] = Digest(file.Content);
                if (context.Request.HttpMethod != "HEAD")
                {
                    await response.OutputStream.WriteAsync(file.Content);
                }
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static byte[] Layer()
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "etc/base") { DataStream = new MemoryStream("base"u8.ToArray()) });
        }

        return stream.ToArray();
    }

    private static byte[] Compressed(byte[] content)
    {
        using MemoryStream stream = new();
        using (GZipStream zip = new(stream, CompressionLevel.Fastest, leaveOpen: true))
        {
            zip.Write(content);
        }

        return stream.ToArray();
    }

    private static string Digest(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    private static int FreePort()
    {
        using TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
