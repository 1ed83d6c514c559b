using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ModelPort.Tests.Caching.Remote;

/// <summary>A cache server on a free port, which does as a test says instead of what it should.</summary>
internal sealed class CacheServer : IAsyncDisposable
{
    private readonly WebApplication _host;

    private CacheServer(WebApplication host) => _host = host;

    /// <summary>What it holds, by path.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>What it was asked, as "GET /cas/...".</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Every Authorization header that came, or an empty text.</summary>
    public ConcurrentQueue<string> Authorizations { get; } = new();

    /// <summary>Answers a request instead of the server; false to leave it to the server.</summary>
    public Func<HttpContext, Task<bool>> Fault { get; set; } = _ => Task.FromResult(false);

    public string Url { get; private set; } = "";

    public static async Task<CacheServer> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o =>
        {
            o.Listen(IPAddress.Loopback, 0);
            o.Limits.MinResponseDataRate = null;
            o.Limits.MaxRequestBodySize = null;
        });
        var host = builder.Build();
        var server = new CacheServer(host);
        host.Run(server.Answer);
        await host.StartAsync(TestContext.Current.CancellationToken);
        server.Url = host.Urls.Single();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        // Those that hang are not waited for.
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await _host.StopAsync(now.Token);
        await _host.DisposeAsync();
    }

    private async Task Answer(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        Asked.Enqueue($"{context.Request.Method} {path}");
        Authorizations.Enqueue(context.Request.Headers.Authorization.ToString());
        if (await Fault(context))
        {
            return;
        }

        switch (context.Request.Method)
        {
            case "PUT":
                using (var body = new MemoryStream())
                {
                    await context.Request.Body.CopyToAsync(body);
                    Files[path] = body.ToArray();
                    context.Response.StatusCode = 201;
                }

                break;
            case "GET" or "HEAD" when Files.TryGetValue(path, out var content):
                await Results.Bytes(content, enableRangeProcessing: true, entityTag: new("\"" + content.Length + "\"")).ExecuteAsync(context);
                break;
            default:
                context.Response.StatusCode = 404;
                break;
        }
    }
}
