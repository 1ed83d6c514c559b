using System.Diagnostics;

namespace ModelPort.Build.Tests;

/// <summary>A generated project that uses the packed package, and a checkpoint beside it.</summary>
internal sealed class TestProject
{
    /// <summary>Spares the compiler, which most tests have no use for.</summary>
    public const string NoCompiler = "<SkipCompilerExecution>true</SkipCompilerExecution><CopyBuildOutputToOutputDirectory>false</CopyBuildOutputToOutputDirectory><UseAppHost>false</UseAppHost>";

    private static int s_logs;

    private readonly PackedRepository _repository;
    private readonly string _properties;

    public TestProject(PackedRepository repository, string root, string items, string properties, string checkpoint)
    {
        _repository = repository;
        _properties = properties;
        Directory = System.IO.Directory.CreateDirectory(Path.Combine(root, "App")).FullName;
        Checkpoint = System.IO.Directory.CreateDirectory(Path.Combine(root, checkpoint)).FullName;
        File.WriteAllText(Path.Combine(Checkpoint, "config.json"), """{"architectures":["Test"]}""");
        File.WriteAllText(Path.Combine(Checkpoint, "tokenizer.json"), "{}");
        File.WriteAllText(Path.Combine(Directory, "Program.cs"), "System.Console.WriteLine(string.Join(';', System.IO.Directory.GetFiles(System.AppContext.BaseDirectory + \"models\", \"*\", System.IO.SearchOption.AllDirectories)));");
        SetItems(items);
    }

    public string Directory { get; }

    public string Checkpoint { get; }

    public string ProjectFile => Path.Combine(Directory, "App.csproj");

    /// <summary>The ports that workers really made, one name a line.</summary>
    public string[] Ports => File.Exists(PortsLog) ? File.ReadAllLines(PortsLog) : [];

    public string Obj => Path.Combine(Directory, "obj", "modelport");

    public string Bin => Path.Combine(Directory, "bin", "Debug", "net10.0");

    private string PortsLog => Path.Combine(Checkpoint, "..", "ports.log");

    public static string ProjectText(string items, string properties) => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <OutputType>Exe</OutputType>
            {properties}
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="ModelPort.Build" Version="{PackedRepository.Version}" PrivateAssets="all" />
            {items}
          </ItemGroup>
        </Project>
        """;

    /// <summary>The items as they were set last.</summary>
    public string Items { get; private set; } = "";

    public void SetItems(string items)
    {
        Items = items;
        File.WriteAllText(ProjectFile, ProjectText(items, _properties));
    }

    public BuildResult Build(params string[] arguments) => Run("build", ["--no-restore", .. arguments]);

    /// <summary>Builds what lies in another folder, from there.</summary>
    public BuildResult Build(string folder, string[] arguments) => Run(folder, "build", ["--no-restore", .. arguments]);

    /// <summary>Cleans what lies in another folder.</summary>
    public BuildResult Clean(string folder) => Run(folder, "clean", []);

    public BuildResult Run(string verb, params string[] arguments) => Run(Directory, verb, arguments);

    private BuildResult Run(string folder, string verb, string[] arguments)
    {
        // MSBuild's own command line takes no log below a folder with a semicolon.
        string log = Path.Combine(_repository.Root, $"{Interlocked.Increment(ref s_logs)}.binlog");
        return DotNet.Run(folder, _repository.Packages, [verb, "-tl:off", "-v:m", "-nologo", .. arguments, "-bl:" + log]) with { BinaryLog = log };
    }

    /// <summary>Starts a build that a test will interrupt.</summary>
    public Process StartBuild() => Start("build", "--no-restore", "-tl:off", "-v:m", "-nologo");

    /// <summary>Starts dotnet in the project's folder, with both outputs redirected.</summary>
    public Process Start(params string[] arguments) => DotNet.Start(Directory, _repository.Packages, arguments);

    /// <summary>Restores again, after the references or frameworks of the project changed.</summary>
    public void Restore() => DotNet.Run(Directory, _repository.Packages, "restore", "-v:q").Succeeded();

    /// <summary>Makes a console application in a folder beside this project that references it, and restores it.</summary>
    /// <param name="items">Items of its own; they need the package.</param>
    /// <returns>The application's folder.</returns>
    public string AddApplication(string items = "")
    {
        string application = System.IO.Directory.CreateDirectory(Path.Combine(Directory, "..", "Consumer")).FullName;
        File.Copy(Path.Combine(Directory, "Program.cs"), Path.Combine(application, "Program.cs"));
        string package = items.Length == 0 ? "" : $"""<PackageReference Include="ModelPort.Build" Version="{PackedRepository.Version}" PrivateAssets="all" />""";
        File.WriteAllText(Path.Combine(application, "Consumer.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType>{(items.Length == 0 ? "" : PackedRepository.TestWorkerProperties)}</PropertyGroup>
              <ItemGroup><ProjectReference Include="../App/App.csproj" />{package}{items}</ItemGroup>
            </Project>
            """);
        DotNet.Run(application, _repository.Packages, "restore", "-v:q").Succeeded();
        return application;
    }

    /// <summary>Runs dotnet in another folder with this project's packages.</summary>
    public BuildResult RunIn(string folder, params string[] arguments) => DotNet.Run(folder, _repository.Packages, arguments);

    /// <summary>Whether two names are of one file.</summary>
    public static bool IsSameFile(string one, string other)
    {
        using Process test = Process.Start("test", [one, "-ef", other]);
        test.WaitForExit();
        return test.ExitCode == 0;
    }

    /// <summary>The files below a folder, relative to it, with forward slashes, sorted.</summary>
    public static string[] FilesIn(string folder) =>
        System.IO.Directory.Exists(folder)
            ? [.. System.IO.Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')).Order(StringComparer.Ordinal)]
            : [];
}
