using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ModelPort;

/// <summary>
/// A package server on a free port of this machine: NuGet's protocol of version 3 (https://learn.microsoft.com/nuget/api/overview) over a folder of packages, as much of it as restore, dotnet list and
/// credentials need, and what a test says instead.
/// </summary>
internal sealed class PackageServer : IAsyncDisposable
{
    private readonly WebApplication _host;
    private readonly string _folder;
    private readonly ConcurrentDictionary<string, Package> _read = new(StringComparer.Ordinal);
    private long _sent;

    private PackageServer(WebApplication host, string folder) => (_host, _folder) = (host, folder);

    /// <summary>The address that goes into nuget.config.</summary>
    public string Index => Url + "/v3/index.json";

    public string Url { get; private set; } = "";

    /// <summary>What it was asked, as "GET /flat/...".</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Bytes of packages that it sent.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Whether it sends a part of a package when it is asked for one.</summary>
    public bool ServesRanges { get; set; } = true;

    /// <summary>Whether it has more than the least that restore needs.</summary>
    public bool ServesRegistrations { get; set; } = true;

    /// <summary>The only user and password that it answers; null for everybody.</summary>
    public (string User, string Password)? Credentials { get; set; }

    /// <summary>Versions that it does not show, as "id/version" in lower case.</summary>
    public HashSet<string> Unlisted { get; } = [];

    /// <summary>Answers a request instead of the server; false to leave it to the server.</summary>
    public Func<HttpContext, Task<bool>> Fault { get; set; } = _ => Task.FromResult(false);

    public static async Task<PackageServer> Start(string folder)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o =>
        {
            o.Listen(IPAddress.Loopback, 0);
            o.Limits.MinResponseDataRate = null;
        });
        var host = builder.Build();
        var server = new PackageServer(host, folder);
        host.Run(server.Answer);
        await host.StartAsync();
        server.Url = host.Urls.Single();
        return server;
    }

    /// <summary>A nuget.config that knows this server alone.</summary>
    /// <param name="more">Sections beside the sources.</param>
    /// <param name="name">What the source is called.</param>
    public string Configuration(string more = "", string name = "served") => $"""
        <configuration>
          <packageSources><clear /><add key="{name}" value="{Index}" allowInsecureConnections="true" /></packageSources>
          <disabledPackageSources><clear /></disabledPackageSources>
          <fallbackPackageFolders><clear /></fallbackPackageFolders>
          {more}
        </configuration>
        """;

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
        if (await Fault(context))
        {
            return;
        }

        if (Credentials is { } c && context.Request.Headers.Authorization != "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{c.User}:{c.Password}")))
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"packages\"";
            return;
        }

        var query = context.Request.Query;
        var result = path.Split('/', StringSplitOptions.RemoveEmptyEntries) switch
        {
            ["v3", "index.json"] => Results.Json(Services()),
            ["flat", var id, "index.json"] when Of(id) is { Length: > 0 } found => Results.Json(new { versions = found.Select(p => p.Version) }),
            ["flat", var id, var version, var file] when Of(id).FirstOrDefault(p => p.Version == version) is { } package => file.EndsWith(".nuspec", StringComparison.Ordinal) ? Results.Bytes(package.Nuspec) : Content(package),
            ["registration", var id, "index.json"] when Of(id) is { Length: > 0 } found => Results.Json(Registration(id, found)),
            ["query"] => Results.Json(Search([.. Shown(query["q"].ToString(), query["prerelease"] == "true").GroupBy(p => p.Id)])),
            ["autocomplete"] when query["id"] is [{ } id] => Results.Json(new { data = Of(id).Where(IsListed).Select(p => p.Version) }),
            ["autocomplete"] => Results.Json(new { data = Shown(query["q"].ToString(), true).Select(p => p.Id).Distinct() }),
            _ => Results.NotFound(),
        };
        await result.ExecuteAsync(context);
        if (path.EndsWith(".nupkg", StringComparison.Ordinal))
        {
            Interlocked.Add(ref _sent, context.Response.ContentLength ?? 0);
        }
    }

    private IResult Content(Package package) => Results.File(package.Path, "application/octet-stream", enableRangeProcessing: ServesRanges);

    private Dictionary<string, object> Services()
    {
        List<Dictionary<string, string>> resources = [Service("PackageBaseAddress/3.0.0", "/flat/")];
        if (ServesRegistrations)
        {
            resources.AddRange([
                Service("RegistrationsBaseUrl/3.6.0", "/registration/"), Service("RegistrationsBaseUrl", "/registration/"), Service("SearchQueryService", "/query"), Service("SearchAutocompleteService", "/autocomplete"),
            ]);
        }

        return new() { ["version"] = "3.0.0", ["resources"] = resources };
    }

    private Dictionary<string, string> Service(string type, string path) => new() { ["@id"] = Url + path, ["@type"] = type };

    private Dictionary<string, object> Registration(string id, Package[] packages) => new()
    {
        ["@id"] = $"{Url}/registration/{id}/index.json",
        ["count"] = 1,
        ["items"] = new[]
        {
            new Dictionary<string, object>
            {
                ["@id"] = $"{Url}/registration/{id}/index.json#page",
                ["count"] = packages.Length,
                ["lower"] = packages[0].Version,
                ["upper"] = packages[^1].Version,
                ["items"] = packages.Select(p => new Dictionary<string, object>
                {
                    ["@id"] = $"{Url}/registration/{id}/{p.Version}.json",
                    ["packageContent"] = $"{Url}/flat/{id}/{p.Version}/{id}.{p.Version}.nupkg",
                    ["registration"] = $"{Url}/registration/{id}/index.json",
                    ["catalogEntry"] = new Dictionary<string, object>
                    {
                        ["@id"] = $"{Url}/registration/{id}/{p.Version}.json#entry",
                        ["id"] = p.Id,
                        ["version"] = p.Version,
                        ["listed"] = IsListed(p),
                        ["published"] = File.GetLastWriteTimeUtc(p.Path),
                        ["packageContent"] = $"{Url}/flat/{id}/{p.Version}/{id}.{p.Version}.nupkg",
                        ["dependencyGroups"] = p.Dependencies.Length == 0
                            ? []
                            : new[] { new { dependencies = p.Dependencies.Select(d => new { id = d.Id, range = d.Range }) } },
                    },
                }),
            },
        },
    };

    private static object Search(IGrouping<string, Package>[] found) => new
    {
        totalHits = found.Length,
        data = found.Select(p => new { id = p.Key, version = p.Last().Version, versions = p.Select(v => new { version = v.Version, downloads = 0 }) }),
    };

    private IEnumerable<Package> Shown(string text, bool prerelease) =>
        All().Where(p => IsListed(p) && (prerelease || !p.Version.Contains('-', StringComparison.Ordinal)) && p.Id.Contains(text.Replace("packageid:", "", StringComparison.OrdinalIgnoreCase), StringComparison.OrdinalIgnoreCase));

    private bool IsListed(Package package) => !Unlisted.Contains($"{package.Id}/{package.Version}".ToLowerInvariant());

    private Package[] Of(string id) => [.. All().Where(p => p.Id.Equals(id, StringComparison.OrdinalIgnoreCase))];

    // In the order of their versions, as far as tests have some.
    private IEnumerable<Package> All() => Directory.EnumerateFiles(_folder, "*.nupkg").Order(StringComparer.Ordinal)
        .Select(f => _read.GetOrAdd(f + File.GetLastWriteTimeUtc(f).Ticks, _ => Package.Read(f)));

    private sealed record Package(string Path, string Id, string Version, (string Id, string Range)[] Dependencies, byte[] Nuspec)
    {
        public static Package Read(string path)
        {
            using var archive = ZipFile.OpenRead(path);
            using var content = new MemoryStream();
            using (var entry = archive.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open())
            {
                entry.CopyTo(content);
            }

            content.Position = 0;
            var metadata = XDocument.Load(content).Root!.Elements().Single();
            string Value(string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;
            return new Package(
                path,
                Value("id"),
                Value("version").ToLowerInvariant(),
                [.. metadata.Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => (e.Attribute("id")!.Value, e.Attribute("version")?.Value ?? ""))],
                content.ToArray());
        }
    }
}
