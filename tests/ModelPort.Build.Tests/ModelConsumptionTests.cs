using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>What an application gets that references a model package, and what its build refuses.</summary>
[Collection(ModelRelease.Collection)]
public sealed class ModelConsumptionTests(PackedRepository repository, ModelRelease release)
{
    private const string Program = """
        Console.WriteLine($"{Models.WordnetLlama.Precision} {new FileInfo(Models.WordnetLlama.Path).Length == Models.WordnetLlama.Bytes} {Models.WordnetLlama.Package} {Models.WordnetLlama.MeanDivergence > 0}");
        """;

    private static readonly string[] Model =
    [
        "wordnet-llama/bom.cdx.json", "wordnet-llama/modelport.json", "wordnet-llama/modelport.sha256", "wordnet-llama/parity.html", "wordnet-llama/parity.json", "wordnet-llama/wordnet-llama-Q8_0.gguf",
    ];

    [Fact]
    public void An_application_gets_the_model_and_a_class_that_knows_it_built_published_and_as_a_single_file()
    {
        TestProject application = release.Application("1.0.0", Program);
        application.Build().Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Bin, "models")));

        // From another folder than the application's.
        Assert.Equal("Q8_0 True Acme.Wordnet True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());

        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Directory, "out", "models")));

        // The model stays outside of the file: engines map it.
        string single = Path.Combine(application.Directory, "single");
        application.Run("publish", "-c", "Debug", "-r", RuntimeInformation.RuntimeIdentifier, "--self-contained", "false", "-p:PublishSingleFile=true", "-p:DebugType=none", "-o", single).Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(single, "models")));
        Assert.Single(Directory.GetFiles(single));
        ProcessStartInfo start = new(Directory.GetFiles(single)[0]) { WorkingDirectory = repository.Root, RedirectStandardOutput = true };
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        using Process process = Process.Start(start)!;
        Assert.Equal("Q8_0 True Acme.Wordnet True", process.StandardOutput.ReadToEnd().Trim());
    }

    [Fact]
    public void A_project_two_references_away_gets_the_model_too()
    {
        TestProject library = release.Application("1.0.0", "namespace Acme { public static class Nouns { public static string Path => Models.WordnetLlama.Path; } }", "<OutputType>Library</OutputType>");
        TestProject middle = release.Application("", "namespace Acme { public static class Middle { public static string Path => Nouns.Path; } }", "<OutputType>Library</OutputType><AssemblyName>Middle</AssemblyName>", Referring(library));
        TestProject application = release.Application("", "Console.WriteLine(File.Exists(Acme.Middle.Path));", "<AssemblyName>End</AssemblyName>", Referring(middle));
        application.Run("publish", "--no-restore", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Directory, "out", "models")));
        Assert.Equal("True", application.RunIn(repository.Root, Path.Combine(application.Directory, "out", "End.dll")).Succeeded().Output.Trim());
    }

    [Fact]
    public void A_version_that_is_pinned_back_replaces_the_newer_model()
    {
        TestProject application = release.Application("1.1.0", Program);
        application.Build().Succeeded();
        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Contains("wordnet-llama/wordnet-llama-Q4_K_M.gguf", TestProject.FilesIn(Path.Combine(application.Bin, "models")));

        ModelRelease.Reference(application, "1.0.0");
        application.Build().Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Bin, "models")));
        Assert.Equal("Q8_0 True Acme.Wordnet True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());
        Assert.Equal(File.ReadAllText(Manifest(application.Bin)), File.ReadAllText(Manifest(PackageFolder("1.0.0"))));

        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(File.ReadAllText(Manifest(Path.Combine(application.Directory, "out"))), File.ReadAllText(Manifest(PackageFolder("1.0.0"))));
    }

    [Fact]
    public void A_damaged_package_folder_is_an_error_and_an_undamaged_one_is_read_once()
    {
        TestProject application = release.Application("1.0.0", Program, TestProject.NoCompiler);
        Assert.True(application.Build().Succeeded().Ran("ModelPortVerifyModels"));
        Assert.False(application.Build().Succeeded().Ran("ModelPortVerifyModels"));

        string damaged = Path.Combine(repository.Root, "damaged");
        TestProject other = release.Application("1.0.0", Program, $"{TestProject.NoCompiler}<RestorePackagesPath>{damaged}</RestorePackagesPath>");
        string file = Path.Combine(damaged, "acme.wordnet", "1.0.0", "models", "wordnet-llama", "wordnet-llama-Q8_0.gguf");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 16;
        File.WriteAllBytes(file, bytes);
        Error flipped = other.Build().Failed();
        Assert.Equal("MP5004", flipped.Code);
        Assert.EndsWith("wordnet-llama-Q8_0.gguf", flipped.File, StringComparison.Ordinal);
        other.Build("-p:ModelPortVerify=false").Succeeded();
        File.Delete(file);
        Assert.Equal("MP5003", other.Build().Failed().Code);
    }

    [Fact]
    public void A_policy_refuses_what_falls_short_and_lets_pass_what_keeps_it()
    {
        TestProject application = release.Application("1.1.0", Program, TestProject.NoCompiler);
        void Refuses(string code, params string[] policy)
        {
            Error error = application.Build(policy).Failed();
            Assert.Equal(code, error.Code);
            Assert.Contains("wordnet-llama Q4_K_M of Acme.Wordnet 1.1.0", error.Text, StringComparison.Ordinal);
        }

        Refuses("MP5010", "-p:ModelPortPolicyMaxMeanDivergence=0.01");
        Refuses("MP5010", "-p:ModelPortPolicyMinTopTokenAgreement=99.5");
        Refuses("MP5010", "-p:ModelPortPolicyMaxSize=0.5");
        Refuses("MP5011", "-p:ModelPortPolicyMaxAccuracyDrop=5");
        Refuses("MP5013", "-p:ModelPortPolicyAllowedLicenses=MIT%3BApache-2.0");
        Refuses("MP5014", "-p:ModelPortPolicyAllowedPrecisions=Q8_0%3BF16");
        application.Build(
            "-p:ModelPortPolicyMaxPerplexityIncrease=50", "-p:ModelPortPolicyMaxMeanDivergence=0.9", "-p:ModelPortPolicyMinTopTokenAgreement=50", "-p:ModelPortPolicyMaxSize=5",
            "-p:ModelPortPolicyAllowedLicenses=mit%3Bwordnet-and-public-domain", "-p:ModelPortPolicyAllowedPrecisions=q4_k_m%3BQ8_0", "-p:ModelPortPolicyRequireVerdict=true").Succeeded();

        // The version before keeps the policy that refused this one.
        ModelRelease.Reference(application, "1.0.0", TestProject.NoCompiler);
        application.Build("-p:ModelPortPolicyMaxMeanDivergence=0.01").Succeeded();
    }

    [Theory]
    [InlineData("fsproj", "fs", "printfn \"%s\" (System.IO.Path.GetFileName(ModelPort.Runtime.PortedModels.Get(\"wordnet-llama\").File().VerifiedPath()))")]
    [InlineData("vbproj", "vb", "Module Program\nSub Main()\nSystem.Console.WriteLine(System.IO.Path.GetFileName(ModelPort.Runtime.PortedModels.Get(\"wordnet-llama\").File().VerifiedPath()))\nEnd Sub\nEnd Module")]
    public void An_application_in_another_language_finds_the_model_by_the_runtime_package(string project, string language, string program)
    {
        release.PackRuntime();
        string folder = Directory.CreateDirectory(Path.Combine(repository.Root, project)).FullName;
        File.WriteAllText(Path.Combine(folder, "Program." + language), program);
        File.WriteAllText(Path.Combine(folder, "App." + project), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType></PropertyGroup>
              <ItemGroup>
                {(language == "fs" ? "<Compile Include=\"Program.fs\" />" : "")}
                <PackageReference Include="Acme.Wordnet" Version="[1.0.0]" />
                <PackageReference Include="ModelPort.Runtime" Version="[{PackedRepository.Version}]" />
              </ItemGroup>
            </Project>
            """);
        DotNet.Run(folder, repository.Packages, "build", "-tl:off", "-v:m", "-nologo").Succeeded();
        Assert.Equal("wordnet-llama-Q8_0.gguf", DotNet.Run(repository.Root, repository.Packages, Path.Combine(folder, "bin", "Debug", "net10.0", "App.dll")).Succeeded().Output.Trim());
    }

    [Fact]
    public void A_file_based_application_gets_the_model_and_the_class()
    {
        string folder = Directory.CreateDirectory(Path.Combine(repository.Root, "file-based")).FullName;
        File.WriteAllText(Path.Combine(folder, "ask.cs"), $"#:package Acme.Wordnet@1.0.0\n#:property PublishAot=false\n{Program}");
        Assert.EndsWith("Q8_0 True Acme.Wordnet True", DotNet.Run(folder, repository.Packages, "run", "ask.cs").Succeeded().Output.Trim(), StringComparison.Ordinal);
    }

    private static string Referring(TestProject project) => $"<ProjectReference Include=\"{project.ProjectFile}\" />";

    private static string Manifest(string folder) => Path.Combine(folder, "models", "wordnet-llama", "modelport.json");

    private string PackageFolder(string version) => Path.Combine(repository.Packages, "acme.wordnet", version);
}
