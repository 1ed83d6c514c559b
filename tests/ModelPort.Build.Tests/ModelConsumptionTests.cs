using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace ModelPort.Build.Tests;

/// <summary>What an application gets that references a model package, however it is built, published and written.</summary>
public sealed class ModelConsumptionTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    [Fact]
    public void An_application_gets_the_model_and_a_class_that_knows_it_built_published_in_a_container_and_trimmed_as_a_single_file()
    {
        TestProject application = _release.Application("1.0.0", ModelRelease.Program);
        application.Build().Succeeded();
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(application.Bin, "models")));

        // From another folder than the application's.
        Assert.Equal("Q8_0 True Acme.Wordnet True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());

        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(application.Directory, "out", "models")));

        string image = Path.Combine(application.Directory, "image.tar");
        using (ImageRegistry registry = new())
        {
            application.Run("publish", "--no-build", "-c", "Debug", "-t:PublishContainer", $"-p:ContainerBaseImage={registry.Image}", $"-p:ContainerArchiveOutputPath={image}").Succeeded();
        }

        Assert.Equal(ModelRelease.Files.Select(file => "app/models/" + file), FilesInImage(image).Where(file => file.StartsWith("app/models/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        // The model stays outside of the file: engines map it.
        string single = Path.Combine(application.Directory, "single");
        application.Run("publish", "-c", "Debug", "-r", RuntimeInformation.RuntimeIdentifier, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true", "-p:DebugType=none", "-o", single).Succeeded();
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(single, "models")));
        Assert.Equal("Q8_0 True Acme.Wordnet True", RunProgram(Assert.Single(Directory.GetFiles(single))));
    }

    [Fact]
    public void A_natively_compiled_application_finds_and_proves_its_model()
    {
        Assert.SkipUnless(IsOnPath("clang") || IsOnPath("gcc"), "The native compiler links with clang or gcc.");

        // Any warning of the trimmer or the native compiler is an error here.
        _release.PackRuntime();
        TestProject application = _release.Application(
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
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(native, "models")));
        Assert.False(File.Exists(Path.Combine(native, "App.dll")));
        Assert.Equal("Q8_0 True True", RunProgram(Path.Combine(native, OperatingSystem.IsWindows() ? "App.exe" : "App")));
    }

    [Fact]
    public void A_test_project_finds_the_model_that_it_references()
    {
        TestProject tests = _release.Application(
            "1.0.0",
            "public class ModelTests { [Xunit.Fact] public void The_model_lies_beside_the_tests() => Xunit.Assert.Equal(Models.WordnetLlama.Bytes, new FileInfo(Models.WordnetLlama.Path).Length); }",
            "<IsTestProject>true</IsTestProject><UseMicrosoftTestingPlatformRunner>true</UseMicrosoftTestingPlatformRunner>",
            $"<PackageReference Include=\"xunit.v3\" Version=\"{typeof(FactAttribute).Assembly.GetName().Version!.ToString(3)}\" />");
        File.WriteAllText(Path.Combine(tests.Directory, "global.json"), """{"test":{"runner":"Microsoft.Testing.Platform"}}""");
        BuildResult result = tests.RunIn(tests.Directory, "test", "--no-restore").Succeeded();
        Assert.Contains("succeeded: 1", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_sample_application_runs_on_the_package_as_it_does_on_the_project()
    {
        _release.PackRuntime();
        string worker = Path.Combine(repository.Packages, "modelport.build", PackedRepository.Version, "tools", "worker");
        TestProject application = _release.Application(
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
        TestProject library = _release.Application("1.0.0", "namespace Acme { public static class Nouns { public static string Path => ModelPort.Models.WordnetLlama.Path; } }", "<OutputType>Library</OutputType><ImplicitUsings>disable</ImplicitUsings><Nullable>disable</Nullable><LangVersion>7.3</LangVersion>");
        TestProject middle = _release.Application("", "namespace Acme { public static class Middle { public static string Path => Nouns.Path; } }", "<OutputType>Library</OutputType><AssemblyName>Middle</AssemblyName>", Referring(library));
        TestProject application = _release.Application("", "Console.WriteLine(File.Exists(Acme.Middle.Path));", "<AssemblyName>End</AssemblyName>", Referring(middle));
        application.Run("publish", "--no-restore", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(application.Directory, "out", "models")));
        Assert.Equal("True", application.RunIn(repository.Root, Path.Combine(application.Directory, "out", "End.dll")).Succeeded().Output.Trim());
    }

    [Theory]
    [InlineData("fsproj", "fs", "printfn \"%s\" (System.IO.Path.GetFileName(ModelPort.Runtime.PortedModels.Get(\"wordnet-llama\").File().VerifiedPath()))")]
    [InlineData("vbproj", "vb", "Module Program\nSub Main()\nSystem.Console.WriteLine(System.IO.Path.GetFileName(ModelPort.Runtime.PortedModels.Get(\"wordnet-llama\").File().VerifiedPath()))\nEnd Sub\nEnd Module")]
    public void An_application_in_another_language_finds_the_model_by_the_runtime_package(string project, string language, string program)
    {
        _release.PackRuntime();
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
        File.WriteAllText(Path.Combine(folder, "ask.cs"), $"#:package Acme.Wordnet@1.0.0\n#:property PublishAot=false\n{ModelRelease.Program}");
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
}
