namespace ModelPort.Build.Tests;

/// <summary>Two versions of a model package in a folder feed, really ported, measured and packed: 1.0.0 at Q8_0, and 1.1.0, smaller and worse, at Q4_K_M.</summary>
public sealed class ModelRelease
{
    public const string Id = "Acme.Wordnet";

    /// <summary>An application that says what it knows of its model.</summary>
    public const string Program = """
        Console.WriteLine($"{Models.WordnetLlama.Precision} {new FileInfo(Models.WordnetLlama.Path).Length == Models.WordnetLlama.Bytes} {Models.WordnetLlama.Package} {Models.WordnetLlama.MeanDivergence > 0}");
        """;

    /// <summary>What lies beside an application of the model of 1.0.0.</summary>
    public static readonly string[] Files =
    [
        "wordnet-llama/bom.cdx.json", "wordnet-llama/modelport.json", "wordnet-llama/modelport.sha256", "wordnet-llama/parity.html", "wordnet-llama/parity.json", "wordnet-llama/wordnet-llama-Q8_0.gguf",
    ];

    private readonly PackedRepository _repository;
    private readonly Lazy<BuildResult> _runtime;

    public ModelRelease(PackedRepository repository)
    {
        _repository = repository;
        _runtime = new(() => PackedRepository.Pack("ModelPort.Runtime", repository.Feed));
        Project = Model("Q8_0");
        Pack(Project, "1.0.0").Succeeded();
        Project.SetItems(Item("Q4_K_M"));
        Pack(Project, "1.1.0").Succeeded();
    }

    /// <summary>The project that makes the package.</summary>
    internal TestProject Project { get; }

    /// <summary>A package in the feed.</summary>
    public string Package(string version) => Path.Combine(_repository.Feed, $"{Id}.{version}.nupkg");

    /// <summary>A new project of models alone.</summary>
    internal TestProject Model(string precision, string metadata = "", string properties = "")
    {
        TestProject project = _repository.Project(
            Item(precision, metadata),
            $"<PackageId>{Id}</PackageId><OutputType>Library</OutputType><IncludeBuildOutput>false</IncludeBuildOutput><EnableDefaultCompileItems>false</EnableDefaultCompileItems><ModelPortEvaluationTokens>1024</ModelPortEvaluationTokens><Description>Nouns &amp; &lt;verbs&gt;.</Description><Authors>Acme</Authors>" + properties,
            realWorker: true);
        project.Restore();
        return project;
    }

    /// <summary>Packs into the feed, or another folder.</summary>
    internal BuildResult Pack(TestProject project, string version, string? output = null, params string[] arguments) =>
        project.Run("pack", ["--no-restore", "-o", output ?? _repository.Feed, $"-p:Version={version}", .. arguments]);

    /// <summary>A new application that references the package, restored.</summary>
    internal TestProject Application(string version, string program, string properties = "", string references = "")
    {
        TestProject application = _repository.Project("", properties);
        File.WriteAllText(Path.Combine(application.Directory, "Program.cs"), program);
        Reference(application, version, properties, references);
        return application;
    }

    /// <summary>Has an application reference another version.</summary>
    internal static void Reference(TestProject application, string version, string properties = "", string references = "")
    {
        File.WriteAllText(application.ProjectFile, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                {properties}
              </PropertyGroup>
              <ItemGroup>
                {(version.Length > 0 ? $"<PackageReference Include=\"{Id}\" Version=\"[{version}]\" />" : "")}
                {references}
              </ItemGroup>
            </Project>
            """);
        application.Restore();
    }

    /// <summary>Packs ModelPort.Runtime into the feed, once.</summary>
    internal void PackRuntime() => _ = _runtime.Value;

    /// <summary>Runs the command that the package of ModelPort.Build carries.</summary>
    internal BuildResult Tool(params string[] arguments) =>
        DotNet.Run(_repository.Root, _repository.Packages, [Path.Combine(_repository.Packages, "modelport.build", PackedRepository.Version, "tools", "worker", "ModelPort.Tool.dll"), .. arguments]);

    /// <summary>The item that ports the sample model.</summary>
    internal static string Item(string precision, string metadata = "") => $"""<ModelPort Include="{PackedRepository.SampleCheckpoint}" Precision="{precision}" {metadata} />""";
}
