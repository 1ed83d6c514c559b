using System.Reflection;
using ModelPort.Build.Tests;

[assembly: AssemblyFixture(typeof(PackedRepository))]

namespace ModelPort.Build.Tests;

/// <summary>
/// The package as a user gets it: packed once for all tests into a folder feed, with a package folder of its own. Projects made here start restored, because all have the same references.
/// </summary>
public sealed class PackedRepository : IDisposable
{
    private readonly string _template;
    private readonly Lazy<ModelRelease> _release;
    private int _projects;

    public PackedRepository()
    {
        Root = Directory.CreateTempSubdirectory("modelport-build-tests-").FullName;
        Packages = Path.Combine(Root, "packages");
        Feed = Path.Combine(Root, "feed");
        _template = Path.Combine(Root, "template");

        // A temporary folder may lie below a repository whose build files would be found.
        foreach (string file in new[] { "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props" })
        {
            File.WriteAllText(Path.Combine(Root, file), "<Project />");
        }

        // The machine's sources and packages stay for what the SDK itself needs; the package under test exists in the folder feed alone.
        File.WriteAllText(Path.Combine(Root, "nuget.config"), $"""
            <configuration>
              <packageSources><add key="modelport-tests" value="{Feed}" /></packageSources>
              <fallbackPackageFolders><add key="machine" value="{GlobalPackages}" /></fallbackPackageFolders>
            </configuration>
            """);
        Pack("ModelPort.Build", Feed);
        Directory.CreateDirectory(_template);
        File.WriteAllText(Path.Combine(_template, "App.csproj"), TestProject.ProjectText("", ""));
        DotNet.Run(_template, Packages, "restore").Succeeded();
        _release = new(() => new ModelRelease(this));
    }

    /// <summary>The repository under test.</summary>
    public static string Repository { get; } = Metadata("RepositoryRoot");

    /// <summary>The worker that behaves as a test asks.</summary>
    public static string Worker { get; } = Metadata("Worker");

    /// <summary>The configuration that the tests were built in, and with them what they test.</summary>
    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>The package folder that the repository itself builds with.</summary>
    public static string GlobalPackages { get; } = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } folder
        ? folder
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>The version that is packed and referenced.</summary>
    public static string Version => "0.0.0-test";

    public string Root { get; }

    public string Packages { get; }

    public string Feed { get; }

    /// <summary>The packed package.</summary>
    public string Package => Path.Combine(Feed, $"ModelPort.Build.{Version}.nupkg");

    /// <summary>Two versions of a model package, made when a test first wants them.</summary>
    public ModelRelease Release => _release.Value;

    /// <summary>A small checkpoint that a real port takes.</summary>
    public static string SampleCheckpoint => Path.Combine(Repository, "samples", "models", "wordnet-llama");

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>A new project with the given items, in a folder of its own beside a small checkpoint.</summary>
    internal TestProject Project(string items, string properties = "", string folder = "", string checkpoint = "checkpoint", bool realWorker = false)
    {
        string directory = Path.Combine(Root, $"{Interlocked.Increment(ref _projects)}{folder}");
        TestProject project = new(this, directory, items, properties + (realWorker ? RealWorkerProperties : TestWorkerProperties), checkpoint);
        string obj = Directory.CreateDirectory(Path.Combine(project.Directory, "obj")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(_template, "obj")))
        {
            File.Copy(file, Path.Combine(obj, Path.GetFileName(file)));
        }

        return project;
    }

    /// <summary>Properties that let a project build with the worker of the tests.</summary>
    internal static string TestWorkerProperties => $"<ModelPortToolPath>{Worker}</ModelPortToolPath>";

    // Tests that port for real share a cache, and the processor: threads of llama.cpp that wait for one another spin.
    private string RealWorkerProperties =>
        $"<ModelPortCacheDirectory Condition=\"'$(ModelPortCacheDirectory)' == ''\">{Path.Combine(Root, "cache")}</ModelPortCacheDirectory><ModelPortThreads>1</ModelPortThreads>";

    private static string Metadata(string key) =>
        typeof(PackedRepository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    /// <summary>Packs a project of the repository as the tests were built, at the version under test.</summary>
    internal static BuildResult Pack(string project, string output) => DotNet.Run(
        Repository, GlobalPackages, "pack", Path.Combine("src", project), "--no-build", "--configuration", Configuration, "--output", output, "--verbosity", "quiet", $"-p:PackageVersion={Version}").Succeeded();
}
