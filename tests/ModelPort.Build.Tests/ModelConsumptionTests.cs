using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
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
    public void An_application_gets_the_model_and_a_class_that_knows_it_built_published_in_a_container_and_trimmed_as_a_single_file()
    {
        TestProject application = release.Application("1.0.0", Program);
        application.Build().Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Bin, "models")));

        // From another folder than the application's.
        Assert.Equal("Q8_0 True Acme.Wordnet True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());

        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(application.Directory, "out", "models")));

        string image = Path.Combine(application.Directory, "image.tar");
        using (ImageRegistry registry = new())
        {
            application.Run("publish", "--no-build", "-c", "Debug", "-t:PublishContainer", $"-p:ContainerBaseImage={registry.Image}", $"-p:ContainerArchiveOutputPath={image}").Succeeded();
        }

        Assert.Equal(Model.Select(file => "app/models/" + file), FilesInImage(image).Where(file => file.StartsWith("app/models/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        // The model stays outside of the file: engines map it.
        string single = Path.Combine(application.Directory, "single");
        application.Run("publish", "-c", "Debug", "-r", RuntimeInformation.RuntimeIdentifier, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true", "-p:DebugType=none", "-o", single).Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(single, "models")));
        Assert.Equal("Q8_0 True Acme.Wordnet True", RunProgram(Assert.Single(Directory.GetFiles(single))));
    }

    [Fact]
    public void A_natively_compiled_application_finds_and_proves_its_model()
    {
        Assert.SkipUnless(IsOnPath("clang") || IsOnPath("gcc"), "The native compiler links with clang or gcc.");

        // Any warning of the trimmer or the native compiler is an error here.
        release.PackRuntime();
        TestProject application = release.Application(
            "1.0.0",
            """
            using ModelPort.Runtime;
            PortedFile file = PortedModels.Get(Models.WordnetLlama.Name).File();
            Console.WriteLine($"{file.Precision} {file.VerifiedPath() == Models.WordnetLlama.Path} {file.Metric("meanDivergence") == Models.WordnetLlama.MeanDivergence}");
            """,
            $"<PublishAot>true</PublishAot><StripSymbols>false</StripSymbols>{(IsOnPath("clang") ? "" : "<CppCompilerAndLinker>gcc</CppCompilerAndLinker>")}",
            $"<PackageReference Include=\"ModelPort.Runtime\" Version=\"[{PackedRepository.Version}]\" />");
        string native = Path.Combine(application.Directory, "native");
        application.Run("publish", "-r", RuntimeInformation.RuntimeIdentifier, "-o", native).Succeeded();
        Assert.Equal(Model, TestProject.FilesIn(Path.Combine(native, "models")));
        Assert.False(File.Exists(Path.Combine(native, "App.dll")));
        Assert.Equal("Q8_0 True True", RunProgram(Path.Combine(native, OperatingSystem.IsWindows() ? "App.exe" : "App")));
    }

    [Fact]
    public void A_test_project_finds_the_model_that_it_references()
    {
        TestProject tests = release.Application(
            "1.0.0",
            "public class ModelTests { [Xunit.Fact] public void The_model_lies_beside_the_tests() => Xunit.Assert.Equal(Models.WordnetLlama.Bytes, new FileInfo(Models.WordnetLlama.Path).Length); }",
            "<IsTestProject>true</IsTestProject><UseMicrosoftTestingPlatformRunner>true</UseMicrosoftTestingPlatformRunner>",
            $"<PackageReference Include=\"xunit.v3\" Version=\"{typeof(FactAttribute).Assembly.GetName().Version!.ToString(3)}\" />");
        File.WriteAllText(Path.Combine(tests.Directory, "global.json"), """{"test":{"runner":"Microsoft.Testing.Platform"}}""");
        BuildResult result = tests.RunIn(tests.Directory, "test", "--no-restore").Succeeded();
        Assert.Contains("succeeded: 1", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void With_hard_links_there_is_one_copy_of_a_model_and_no_version_is_written_through_another()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Tells one file from another by a command of Unix.");
        string packages = Path.Combine(repository.Root, "linked-packages");
        string properties = $"{TestProject.NoCompiler}<RestorePackagesPath>{packages}</RestorePackagesPath><ModelPortUseHardLinks>true</ModelPortUseHardLinks>";
        string Packed(string version, string file) => Path.Combine(packages, "acme.wordnet", version, "models", "wordnet-llama", file);
        TestProject application = release.Application("1.0.0", Program, properties);
        string Built(string file) => Path.Combine(application.Bin, "models", "wordnet-llama", file);
        const string First = "wordnet-llama-Q8_0.gguf";
        application.Build().Succeeded();
        Assert.True(TestProject.IsSameFile(Built(First), Packed("1.0.0", First)));
        Assert.False(TestProject.IsSameFile(Built("modelport.json"), Packed("1.0.0", "modelport.json")));
        Assert.DoesNotContain("hard link", application.Build("-v:n").Succeeded().Output, StringComparison.OrdinalIgnoreCase);

        // Another version takes the name alone, also when nobody remembers what lay there.
        byte[] content = File.ReadAllBytes(Packed("1.0.0", First));
        ModelRelease.Reference(application, "1.1.0", properties);
        Directory.Delete(Path.Combine(application.Directory, "obj", "Debug"), recursive: true);
        application.Build().Succeeded();
        Assert.True(TestProject.IsSameFile(Built("wordnet-llama-Q4_K_M.gguf"), Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")));
        Assert.Equal(content, File.ReadAllBytes(Packed("1.0.0", First)));
        application.Build("-p:ModelPortUseHardLinks=false").Succeeded();
        Assert.False(TestProject.IsSameFile(Built("wordnet-llama-Q4_K_M.gguf"), Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")));

        // Between file systems there are none: it is said, and copied.
        if (Directory.Exists("/dev/shm"))
        {
            string elsewhere = Path.Combine("/dev/shm", Path.GetFileName(repository.Root)) + "/";
            try
            {
                Assert.Contains("Could not use a link to copy", application.Build($"-p:OutDir={elsewhere}", "-v:n").Succeeded().Output, StringComparison.Ordinal);
                Assert.True(File.Exists(Path.Combine(elsewhere, "models", "wordnet-llama", "wordnet-llama-Q4_K_M.gguf")));
            }
            finally
            {
                Directory.Delete(elsewhere, recursive: true);
            }
        }

        // Whoever writes into a link writes into the package; the next build finds it.
        application.Build().Succeeded();
        byte[] written = File.ReadAllBytes(Built("wordnet-llama-Q4_K_M.gguf"));
        written[written.Length / 2] ^= 1;
        File.WriteAllBytes(Built("wordnet-llama-Q4_K_M.gguf"), written);
        Error damaged = application.Build().Failed();
        Assert.Equal(("MP5004", Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")), (damaged.Code, Path.GetFullPath(damaged.File)));
    }

    [Fact]
    public void The_sample_application_runs_on_the_package_as_it_does_on_the_project()
    {
        release.PackRuntime();
        string worker = Path.Combine(repository.Packages, "modelport.build", PackedRepository.Version, "tools", "worker");
        TestProject application = release.Application(
            "1.0.0",
            File.ReadAllText(Path.Combine(Sample, "Program.cs")),
            "",
            $"""
            <PackageReference Include="ModelPort.Runtime" Version="[{PackedRepository.Version}]" />
            <Compile Include="{Path.Combine(Sample, "*.cs")}" Exclude="{Path.Combine(Sample, "Program.cs")}" />
            <Reference Include="{Path.Combine(worker, "ModelPort.Engines.dll")}" />
            <None Include="{Path.Combine(worker, "runtimes", "**", "*ggml*")};{Path.Combine(worker, "runtimes", "**", "*llama*")}" LinkBase="runtimes" CopyToOutputDirectory="PreserveNewest" />
            """);
        application.Build().Succeeded();
        string program = Path.Combine(application.Bin, "App.dll");
        Assert.StartsWith("falcon: noun.animal (", application.RunIn(repository.Root, program, "What kind of thing is a falcon?").Succeeded().Output, StringComparison.Ordinal);

        // Of eight domains one in eight would be guessed.
        string[] nouns = File.ReadAllLines(Path.Combine(Sample, "..", "data", "nouns.tsv"));
        string few = Path.Combine(application.Directory, "few.tsv");
        File.WriteAllLines(few, nouns.Where((_, index) => index % 6 == 0));
        string measured = application.RunIn(repository.Root, program, "--measure", few).Succeeded().Output;
        int right = int.Parse(measured.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(right, nouns.Length / 6 / 4, nouns.Length / 6);
    }

    [Fact]
    public void A_project_two_references_away_gets_the_model_too()
    {
        TestProject library = release.Application("1.0.0", "namespace Acme { public static class Nouns { public static string Path => ModelPort.Models.WordnetLlama.Path; } }", "<OutputType>Library</OutputType><ImplicitUsings>disable</ImplicitUsings><Nullable>disable</Nullable><LangVersion>7.3</LangVersion>");
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

    private static string Sample => Path.Combine(PackedRepository.Repository, "samples", "WordnetApp");

    /// <summary>Runs a published program from another folder than its own.</summary>
    private string RunProgram(string path)
    {
        using Process process = Process.Start(new ProcessStartInfo(path) { WorkingDirectory = repository.Root, RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }

    /// <summary>The files of all layers of an image in an archive, as docker load takes it.</summary>
    private static List<string> FilesInImage(string archive)
    {
        List<string> files = [];
        using TarReader image = new(File.OpenRead(archive));
        while (image.GetNextEntry(copyData: true) is { } part)
        {
            if (part.Name.EndsWith("layer.tar", StringComparison.Ordinal))
            {
                using TarReader layer = new(new GZipStream(part.DataStream!, CompressionMode.Decompress));
                while (layer.GetNextEntry() is { } entry)
                {
                    files.AddRange(entry.EntryType is TarEntryType.Directory ? [] : [entry.Name.TrimStart('/')]);
                }
            }
        }

        return files;
    }

    private static bool IsOnPath(string command) => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, command)));

    private static string Referring(TestProject project) => $"<ProjectReference Include=\"{project.ProjectFile}\" />";

    private static string Manifest(string folder) => Path.Combine(folder, "models", "wordnet-llama", "modelport.json");

    private string PackageFolder(string version) => Path.Combine(repository.Packages, "acme.wordnet", version);
}
