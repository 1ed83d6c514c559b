using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Text.Json;

namespace ModelPort.Tool.Tests;

/// <summary>verify, compare and list on packages of a server, as a person or a script runs them.</summary>
public sealed class FeedVerbTests : IAsyncLifetime
{
    private const string Secret = "s3cret-word";
    private readonly TemporaryFolder _folder = new();
    private PackageServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        SyntheticPackage.Write(_folder["packages"], "Acme.Tiny", "1.0.0", divergence: 0.01);
        SyntheticPackage.Write(_folder["packages"], "Acme.Tiny", "1.1.0", divergence: 0.02);
        _server = await PackageServer.Start(_folder["packages"]);
        Directory.CreateDirectory(_folder["work"]);
        File.WriteAllText(Path.Combine(_folder["work"], "nuget.config"), _server.Configuration());
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task List_is_a_table_for_people_and_json_for_scripts()
    {
        var text = await Run("list", "Acme.Tiny");
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Matches(@"^\| version *\| model *\| precision", text.Lines[0]);
        Assert.Matches(@"^\| 1\.1\.0 +\| tiny +\| Q8_0 +\| +20\.0 KB +\| +\+2\.000 % +\| +0\.020000 nats +\| +97\.500 % +\| kept +\| mit +\| aaaaaaaaaaaa +\|$", text.Lines[2]);
        Assert.Equal("Acme.Tiny: 2 versions", text.Lines[^1]);
        Assert.Equal("Acme.Tiny: the newest 1 of 2 versions, --take 2 shows all", (await Run("list", "Acme.Tiny", "--take", "1")).Lines[^1]);

        using var json = JsonDocument.Parse((await Run("list", "Acme.Tiny", "--format", "json")).Output);
        var newest = json.RootElement.GetProperty("versions")[0];
        Assert.Equal("1.1.0", newest.GetProperty("version").GetString());
        Assert.Equal(0.02, newest.GetProperty("models")[0].GetProperty("meanDivergence").GetDouble());
        Assert.Equal(2, (await Run("list", "Acme.Tiny", "--take", "0")).ExitCode);
    }

    [Fact]
    public async Task Compare_and_verify_say_which_version_they_took_and_from_where()
    {
        var compared = await Run("compare", "Acme.Tiny@1.0.0", "Acme.Tiny");
        Assert.Equal((3, ""), (compared.ExitCode, compared.Errors));
        Assert.Matches(@"\| tiny Q8_0 \| mean divergence +\| 0\.010000 .* \| 0\.020000 .* \| WORSE", compared.Output);
        Assert.Equal($"Acme.Tiny 1.1.0 is from the feed served ({_server.Index}).", compared.Lines[^1]);
        using var json = JsonDocument.Parse((await Run("compare", "Acme.Tiny@1.*", "Acme.Tiny@1.0.0", "--format", "json")).Output);
        Assert.Equal("Acme.Tiny 1.1.0", json.RootElement.GetProperty("old").GetString());
        Assert.Equal($"the feed served ({_server.Index})", json.RootElement.GetProperty("newFrom").GetString());

        var verified = await Run("verify", "Acme.Tiny@1.0.0");
        Assert.Equal((0, ""), (verified.ExitCode, verified.Errors));
        Assert.Equal([$"Acme.Tiny 1.0.0 from the feed served ({_server.Index})", "tiny (models/tiny): 2 files, 21.1 KB, as packed"], verified.Lines);

        var missing = await Run("verify", "Acme.Tiny@3.0.0");
        Assert.Equal((1, ""), (missing.ExitCode, missing.Output));
        Assert.StartsWith("modelport: error MP5043: ", missing.Errors, StringComparison.Ordinal);
        Assert.Equal(2, (await Run("verify", "Acme.Tiny@latest")).ExitCode);
    }

    [Fact]
    public async Task A_restored_version_is_read_where_it_lies_and_needs_no_feed()
    {
        var installed = Path.Combine(_folder["global"], "acme.tiny", "1.0.0");
        ZipFile.ExtractToDirectory(Path.Combine(_folder["packages"], "Acme.Tiny.1.0.0.nupkg"), installed);
        File.WriteAllText(Path.Combine(installed, ".nupkg.metadata"), "{}");
        _server.Fault = context =>
        {
            context.Response.StatusCode = 503;
            return Task.FromResult(true);
        };
        var verified = await Run("verify", "Acme.Tiny@1.0.0");
        Assert.Equal((0, ""), (verified.ExitCode, verified.Errors));
        Assert.Equal($"Acme.Tiny 1.0.0 from the packages folder ({installed})", verified.Lines[0]);
        Assert.Empty(_server.Asked);

        // The bytes that builds use are what is verified.
        File.WriteAllText(Path.Combine(installed, "models", "tiny", "tiny-Q8_0.gguf"), "changed");
        var changed = await Run("verify", "Acme.Tiny@1.0.0");
        Assert.Equal(1, changed.ExitCode);
        Assert.Contains("error MP5004: ", changed.Errors, StringComparison.Ordinal);

        var latest = await Run("verify", "Acme.Tiny");
        Assert.Equal(1, latest.ExitCode);
        Assert.Contains("error MP5040: ", latest.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_come_from_the_environment_or_a_provider_that_is_installed_for_dotnet()
    {
        _server.Credentials = ("me", Secret);
        var refused = await Run("list", "Acme.Tiny");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("error MP5041: ", refused.Errors, StringComparison.Ordinal);

        var fromEnvironment = await Run([("NuGetPackageSourceCredentials_served", $"Username=me;Password={Secret}")], "list", "Acme.Tiny");
        Assert.Equal((0, ""), (fromEnvironment.ExitCode, fromEnvironment.Errors));

        var provider = typeof(FeedVerbTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CredentialProvider").Value!;
        (string, string)[] installed = [("NUGET_NETCORE_PLUGIN_PATHS", provider), ("MODELPORT_TESTS_PROVIDER_LOG", _folder["asked"]), ("MODELPORT_TESTS_PROVIDER_USER", "me")];
        var fromProvider = await Run([.. installed, ("MODELPORT_TESTS_PROVIDER_PASSWORD", Secret)], "verify", "Acme.Tiny@1.0.0");
        Assert.Equal((0, ""), (fromProvider.ExitCode, fromProvider.Errors));
        Assert.Equal("127.0.0.1 retry False interactive False", File.ReadAllLines(_folder["asked"])[0]);
        File.Delete(_folder["asked"]);
        var wrong = await Run([.. installed, ("MODELPORT_TESTS_PROVIDER_PASSWORD", "wr0ng-word")], "verify", "Acme.Tiny@1.0.0", "--interactive");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("error MP5041: ", wrong.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("wr0ng-word", wrong.Errors, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1 retry True interactive True", File.ReadAllLines(_folder["asked"]));
    }

    private Task<ToolResult> Run(params string[] arguments) => Run([], arguments);

    private Task<ToolResult> Run((string Name, string Value)[] environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [ToolProcess.Program, .. arguments]) { WorkingDirectory = _folder["work"] };
        start.Environment["NUGET_PACKAGES"] = _folder["global"];
        start.Environment["NUGET_ENHANCED_MAX_NETWORK_TRY_COUNT"] = "2";
        start.Environment["NUGET_ENHANCED_NETWORK_RETRY_DELAY_MILLISECONDS"] = "10";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return ToolProcess.Run(start);
    }
}
