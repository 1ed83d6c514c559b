using System.IO.Compression;
using System.Text.Json;

namespace ModelPort.Build.Tests;

/// <summary>Model packages on a server, restored by machines that have nothing: everything that NuGet does for packages it does for models.</summary>
public sealed class ServedPackageTests(PackedRepository repository) : IAsyncLifetime
{
    private readonly ModelRelease _release = repository.Release;

    private readonly string _folder = Directory.CreateDirectory(Path.Combine(repository.Root, "served-" + Guid.NewGuid().ToString("N"))).FullName;
    private PackageServer _server = null!;

    private string Application => Path.Combine(_folder, "App");

    private string Served => Path.Combine(_folder, "feed");

    private string LockFile => Path.Combine(Application, "packages.lock.json");

    private string[] Models => TestProject.FilesIn(Path.Combine(Application, "bin", "Debug", "net10.0", "models"));

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Served);
        foreach (string version in new[] { "1.0.0", "1.1.0" })
        {
            File.Copy(_release.Package(version), Path.Combine(Served, Path.GetFileName(_release.Package(version))));
        }

        _server = await PackageServer.Start(Served);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void A_model_is_restored_from_a_server_locked_listed_refused_by_policy_and_pinned_back_like_any_package()
    {
        _server.Credentials = ("me", "s3cret-word");
        WriteApplication("<packageSourceCredentials><served><add key=\"Username\" value=\"me\" /><add key=\"ClearTextPassword\" value=\"s3cret-word\" /></served></packageSourceCredentials>");
        Pin("1.0.0");
        Machine first = new(_folder);
        first.Run(Application, "publish", "-tl:off", "-v:m", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Contains("wordnet-llama/wordnet-llama-Q8_0.gguf", TestProject.FilesIn(Path.Combine(Application, "out", "models")));
        Assert.Contains("\"resolved\": \"1.0.0\"", File.ReadAllText(LockFile), StringComparison.Ordinal);

        // Another machine gets what the lock file says, or nothing.
        new Machine(_folder).Run(Application, "restore", "--locked-mode").Succeeded();
        string package = Path.Combine(Served, "Acme.Wordnet.1.0.0.nupkg");
        using (ZipArchive changed = ZipFile.Open(package, ZipArchiveMode.Update))
        {
            changed.CreateEntry("models/wordnet-llama/more.txt");
        }

        Refused("NU1403", new Machine(_folder).Run(Application, "restore", "--locked-mode"));
        File.Copy(_release.Package("1.0.0"), package, overwrite: true);

        using (JsonDocument outdated = JsonDocument.Parse(first.Run(Application, "list", "package", "--outdated", "--format", "json").Succeeded().Output))
        {
            JsonElement found = outdated.RootElement.GetProperty("projects")[0].GetProperty("frameworks")[0].GetProperty("topLevelPackages")[0];
            Assert.Equal(("Acme.Wordnet", "1.0.0", "1.1.0"), (found.GetProperty("id").GetString(), found.GetProperty("resolvedVersion").GetString(), found.GetProperty("latestVersion").GetString()));
        }

        Assert.Contains("Acme.Wordnet (v1.0.0)", first.Run(Application, "nuget", "why", "App.csproj", "Acme.Wordnet").Succeeded().Output, StringComparison.Ordinal);

        Pin("1.1.0");
        Refused("NU1004", first.Run(Application, "restore", "--locked-mode"));
        Refused("MP5010", first.Run(Application, "build", "-tl:off", "-v:m", "-p:ModelPortPolicyMaxMeanDivergence=0.01"));
        Assert.Contains("\"resolved\": \"1.1.0\"", File.ReadAllText(LockFile), StringComparison.Ordinal);

        // The lowest version of a range: the one before.
        Pin("[1.0.0,1.1.0)");
        first.Run(Application, "build", "-tl:off", "-v:m", "-p:ModelPortPolicyMaxMeanDivergence=0.01").Succeeded();
        Assert.Contains("\"resolved\": \"1.0.0\"", File.ReadAllText(LockFile), StringComparison.Ordinal);
        Assert.Equal(["wordnet-llama/wordnet-llama-Q8_0.gguf"], Models.Where(f => f.EndsWith(".gguf", StringComparison.Ordinal)));
    }

    [Fact]
    public void Signatures_of_the_author_and_of_a_feed_change_nothing_that_verify_says_and_hide_no_flipped_bit()
    {
        string package = _release.Package("1.0.0");
        string signed = Path.Combine(Served, "Acme.Wordnet.1.0.0.nupkg");
        using PackageSigner signer = new(_folder);
        signer.SignByAuthor(package, Path.Combine(_folder, "signed"));
        signer.CountersignByFeed(Path.Combine(_folder, "signed", Path.GetFileName(package)), signed, _server.Index);
        byte[] bytes = File.ReadAllBytes(signed);
        Assert.NotEqual(File.ReadAllBytes(package), bytes);
        string answer = _release.Tool("verify", package).Succeeded().Output;
        Assert.Contains("as packed", answer, StringComparison.Ordinal);
        Assert.Equal(answer, _release.Tool("verify", Path.Combine(_folder, "signed", Path.GetFileName(package))).Succeeded().Output);
        Assert.Equal(answer, _release.Tool("verify", signed).Succeeded().Output);

        // A consumer who demands signatures gets it, and can build.
        WriteApplication($"""
            <config><add key="signatureValidationMode" value="require" /></config>
            <trustedSigners>
              <author name="Acme"><certificate fingerprint="{signer.AuthorFingerprint}" hashAlgorithm="SHA256" allowUntrustedRoot="true" /></author>
              <repository name="Feed" serviceIndex="{_server.Index.Replace("http:", "https:", StringComparison.Ordinal)}"><certificate fingerprint="{signer.FeedFingerprint}" hashAlgorithm="SHA256" allowUntrustedRoot="true" /></repository>
            </trustedSigners>
            """);
        Pin("1.0.0");
        Machine machine = new(_folder);
        machine.Run(Application, "build", "-tl:off", "-v:m").Succeeded();
        Assert.Contains("wordnet-llama/wordnet-llama-Q8_0.gguf", Models);
        Pin("1.1.0");
        Refused("NU3004", machine.Run(Application, "restore"));

        using (ZipArchive archive = ZipFile.OpenRead(package))
        {
            ZipArchiveEntry weights = archive.Entries.Single(e => e.FullName.EndsWith(".gguf", StringComparison.Ordinal));
            // Weights are most of the package, so that its middle is in them.
            Assert.True(weights.CompressedLength > bytes.Length * 0.8);
        }

        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(signed, bytes);
        BuildResult flipped = _release.Tool("verify", signed);
        Assert.Equal(1, flipped.ExitCode);
        Assert.Contains("wordnet-llama-Q8_0.gguf: error MP5004: ", flipped.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_with_the_sdk_alone_installs_the_tool_and_gets_the_same_answers()
    {
        string answer = _release.Tool("verify", _release.Package("1.0.0")).Succeeded().Output;
        string tools = Path.Combine(_folder, "tools");
        PackedRepository.Pack("ModelPort.Tool", tools);

        Machine machine = new(_folder);
        string moved = Directory.CreateDirectory(Path.Combine(machine.Home, "downloads")).FullName;
        File.Copy(_release.Package("1.0.0"), Path.Combine(moved, "model (1).nupkg"));
        File.WriteAllText(Path.Combine(moved, "nuget.config"), _server.Configuration());
        machine.Run(moved, "tool", "install", "ModelPort.Tool", "--tool-path", "bin", "--source", tools, "--version", PackedRepository.Version).Succeeded();

        // Nothing that is asked here needs llama.cpp.
        Directory.Delete(Directory.GetDirectories(Path.Combine(moved, "bin"), "runtimes", SearchOption.AllDirectories).Single(), recursive: true);
        BuildResult Tool(params string[] arguments) => machine.RunProgram(moved, Path.Combine(moved, "bin", OperatingSystem.IsWindows() ? "modelport.exe" : "modelport"), arguments);
        Assert.Equal(answer, Tool("verify", "model (1).nupkg").Succeeded().Output);
        string served = Tool("verify", "Acme.Wordnet@1.0.0").Succeeded().Output;
        Assert.StartsWith("Acme.Wordnet 1.0.0 from the feed served (", served, StringComparison.Ordinal);
        Assert.EndsWith(answer, served, StringComparison.Ordinal);
        BuildResult compared = Tool("compare", "Acme.Wordnet@1.0.0", "Acme.Wordnet");
        Assert.Equal(3, compared.ExitCode);
        Assert.Contains("Acme.Wordnet 1.1.0 is from the feed served (", compared.Output, StringComparison.Ordinal);
        Assert.Contains("| 1.1.0   | wordnet-llama | Q4_K_M    |", Tool("list", "Acme.Wordnet").Succeeded().Output, StringComparison.Ordinal);
    }

    private static void Refused(string code, BuildResult result)
    {
        Assert.True(result.ExitCode != 0, result.Output);
        Assert.Contains($"error {code}: ", result.Output, StringComparison.Ordinal);
    }

    private void WriteApplication(string configuration)
    {
        Directory.CreateDirectory(Application);
        File.WriteAllText(Path.Combine(Application, "nuget.config"), _server.Configuration(configuration));
        File.WriteAllText(Path.Combine(Application, "Program.cs"), "System.Console.WriteLine(ModelPort.Models.WordnetLlama.Path);");
        File.WriteAllText(Path.Combine(Application, "App.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <RestorePackagesWithLockFile>true</RestorePackagesWithLockFile>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Acme.Wordnet" />
              </ItemGroup>
            </Project>
            """);
    }

    // In one place for all projects.
    private void Pin(string version) => File.WriteAllText(Path.Combine(Application, "Directory.Packages.props"), $"""
        <Project>
          <PropertyGroup><ManagePackageVersionsCentrally>true</ManagePackageVersionsCentrally></PropertyGroup>
          <ItemGroup><PackageVersion Include="Acme.Wordnet" Version="{version}" /></ItemGroup>
        </Project>
        """);
}
