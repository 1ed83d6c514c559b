using System.IO.Compression;
using System.Text.Json;
using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>The package with the worker that it carries.</summary>
public sealed class PackageTests(PackedRepository repository)
{
    [Fact]
    public void The_package_brings_the_task_and_the_worker_and_depends_on_nothing()
    {
        Assert.InRange(new FileInfo(repository.Package).Length, 1, 100_000_000);
        using ZipArchive package = ZipFile.OpenRead(repository.Package);
        HashSet<string> files = [.. package.Entries.Select(entry => entry.FullName)];
        Assert.Superset(
            new HashSet<string>
            {
                "README.md",
                "build/ModelPort.Build.props",
                "build/ModelPort.Build.targets",
                "buildMultiTargeting/ModelPort.Build.props",
                "tools/task/ModelPort.Build.dll",
                "tools/worker/ModelPort.Tool.dll",
                "tools/worker/ModelPort.Tool.runtimeconfig.json",
                "tools/worker/ModelPort.Tool.deps.json",
                "tools/worker/licenses/llama.cpp.txt",
                "tools/worker/licenses/onnxruntime.txt",
                "tools/worker/licenses/onnxruntime-third-party.txt",
                "tools/worker/runtimes/linux-x64/native/libonnxruntime.so",
                "tools/worker/runtimes/linux-arm64/native/libonnxruntime.so",
                "tools/worker/runtimes/win-x64/native/onnxruntime.dll",
                "tools/worker/runtimes/win-arm64/native/onnxruntime.dll",
                "tools/worker/runtimes/osx-arm64/native/libonnxruntime.dylib",
            },
            files);
        Assert.Contains(files, file => file.StartsWith("tools/worker/runtimes/linux-x64/native/libllama", StringComparison.Ordinal));
        Assert.DoesNotContain(files, file => file.StartsWith("tools/worker/runtimes/android", StringComparison.Ordinal) || file.StartsWith("tools/worker/runtimes/ios", StringComparison.Ordinal));
        Assert.DoesNotContain(files, file => file.StartsWith("lib/", StringComparison.Ordinal) || Path.GetFileName(file).StartsWith("Microsoft.Build", StringComparison.Ordinal));

        using StreamReader nuspec = new(package.GetEntry("ModelPort.Build.nuspec")!.Open());
        string text = nuspec.ReadToEnd();
        Assert.Contains("<developmentDependency>true</developmentDependency>", text, StringComparison.Ordinal);
        Assert.Contains("<license type=\"expression\">MIT</license>", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<dependency ", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_is_ported_measured_and_summarised_in_one_line()
    {
        TestProject project = Sample("Q8_0", "");
        BuildResult first = project.Build().Succeeded();
        string summary = Assert.Single(first.Output.Split('\n'), line => line.Contains("perplexity", StringComparison.Ordinal));
        Assert.Contains("wordnet-llama", summary, StringComparison.Ordinal);
        Assert.Contains("Q8_0", summary, StringComparison.Ordinal);

        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(project.Bin, "models", "wordnet-llama", "modelport.json")));
        Assert.Equal("wordnet-llama", manifest.RootElement.GetProperty("name").GetString());
        Assert.Contains(TestProject.FilesIn(Path.Combine(project.Bin, "models", "wordnet-llama")), file => file.EndsWith(".gguf", StringComparison.Ordinal));

        string[] records = [.. new[] { "modelport.json", "parity.json" }.Select(file => Path.Combine(project.Obj, "wordnet-llama", file))];
        Assert.Superset(new HashSet<string>(records), new HashSet<string>(first.Embedded));

        BuildResult second = project.Build().Succeeded();
        Assert.Equal(0, second.Workers);
        Assert.Superset(new HashSet<string>(records), new HashSet<string>(second.Embedded));
        Assert.DoesNotContain("perplexity", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_calibrated_port_keeps_its_matrix_beside_the_records_and_not_beside_the_application()
    {
        string text = Path.Combine(PackedRepository.Repository, "samples", "data", "calibration.txt");
        TestProject project = Sample("Q2_K_S", $"Calibration=\"{text}\" CalibrationTokens=\"1024\"");
        project.Build("-p:ModelPortParity=off").Succeeded();
        Assert.Equal(["wordnet-llama-Q2_K_S.gguf", "modelport.json"], TestProject.FilesIn(Path.Combine(project.Bin, "models", "wordnet-llama")).OrderDescending(StringComparer.Ordinal));
        Assert.True(File.Exists(Path.Combine(project.Obj, "wordnet-llama", "wordnet-llama.imatrix.gguf")));
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(project.Bin, "models", "wordnet-llama", "modelport.json")));
        Assert.Equal("calibration.txt", manifest.RootElement.GetProperty("calibration").GetProperty("name").GetString());
        Assert.Equal(2, manifest.RootElement.GetProperty("calibration").GetProperty("chunks").GetInt32());
    }

    [Fact]
    public void A_missing_folder_is_an_error_at_that_folder()
    {
        TestProject project = repository.Project("""<ModelPort Include="../nowhere" />""", TestProject.NoCompiler, realWorker: true);
        Error error = project.Build().Failed();
        Assert.Equal("MP1001", error.Code);
        Assert.Equal(Path.GetFullPath(Path.Combine(project.Directory, "..", "nowhere")), error.File);
    }

    [Theory]
    [InlineData("Q9_Z", "", "MP1018")]
    [InlineData("Q8_0", "Precison=\"F16\"", "MP1019")]
    [InlineData("Q8_0", "MaxSize=\"0.001\"", "MP3001")]
    public void A_wrong_option_or_a_missed_budget_fails_with_its_code(string precision, string metadata, string code)
    {
        TestProject project = Sample(precision, metadata);
        Assert.Equal(code, project.Build().Failed().Code);
        Assert.False(Directory.Exists(Path.Combine(project.Bin, "models")));
    }

    [Fact]
    public void The_samples_build_from_source_and_run()
    {
        string sample = Path.Combine(PackedRepository.Repository, "samples", "WordnetApp");
        BuildResult run = DotNet.Run(sample, PackedRepository.GlobalPackages, "run", "--configuration", PackedRepository.Configuration, "--", "What kind of thing is a falcon?").Succeeded();
        Assert.Contains("falcon: noun.", run.Output, StringComparison.Ordinal);
    }

    private TestProject Sample(string precision, string metadata) => repository.Project(
        $"""<ModelPort Include="{PackedRepository.SampleCheckpoint}" Precision="{precision}" {metadata} />""",
        "<ModelPortEvaluationTokens>512</ModelPortEvaluationTokens>" + TestProject.NoCompiler,
        realWorker: true);
}
