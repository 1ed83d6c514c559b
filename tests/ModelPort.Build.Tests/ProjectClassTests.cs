namespace ModelPort.Build.Tests;

/// <summary>The class that a project gets of the models that it ports itself, without packing them.</summary>
public sealed class ProjectClassTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    private const string Program = """
        Console.WriteLine($"{Models.WordnetLlama.Precision} {new FileInfo(Models.WordnetLlama.Path).Length == Models.WordnetLlama.Bytes} {Models.WordnetLlama.Verdict} {Models.WordnetLlama.MeanDivergence > 0}");
        """;

    [Fact]
    public void A_project_that_ports_gets_a_class_with_the_numbers_of_its_current_port()
    {
        TestProject project = Project(Program);
        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal("Q8_0 True kept True", Run(project));

        // A worker that finds nothing new writes nothing.
        string source = Path.Combine(project.Obj, "wordnet-llama", "Models.cs");
        DateTime written = File.GetLastWriteTimeUtc(source);
        Assert.Equal(1, project.Build("-p:ModelPortThreads=2").Succeeded().Workers);
        Assert.Equal(written, File.GetLastWriteTimeUtc(source));

        // An IDE compiles with the class of the last build, and ports nothing.
        project.SetItems(project.Items.Replace("Q8_0", "Q4_K_M", StringComparison.Ordinal));
        BuildResult typed = project.Run("msbuild", "-t:Compile", "-p:DesignTimeBuild=true", "-p:SkipCompilerExecution=true", "-p:ProvideCommandLineArgs=true", "-getItem:Compile").Succeeded();
        Assert.Equal(0, typed.Workers);
        Assert.Contains("Models.cs", typed.Output, StringComparison.Ordinal);

        // Another port is compiled in the build that makes it; without porting, the last one stays.
        project.Build("-p:ModelPortSkip=true").Succeeded();
        Assert.Equal("Q8_0 True kept True", Run(project));
        project.Build().Succeeded();
        Assert.Equal("Q4_K_M True kept True", Run(project));

        // A class that was deleted or changed is made again.
        File.AppendAllText(source, "#error changed");
        project.Build().Succeeded();

        Assert.Equal("MP1020", project.Build("-p:ModelPortModelsClass=internal").Failed().Code);

        // Where items mean nothing there is no class.
        Assert.Equal("CS0103", project.Run("build", "--no-restore", "-p:EnableModelPort=false").Errors[0].Code);
        Assert.Equal("CS0103", project.Run("build", "--no-restore", "-p:ModelPortModelsClass=false").Errors[0].Code);
    }

    [Fact]
    public void A_library_shows_the_class_to_projects_that_reference_it_when_it_says_so()
    {
        TestProject library = Project("namespace Acme { public static class Nouns { } }", "<OutputType>Library</OutputType><ImplicitUsings>disable</ImplicitUsings><LangVersion>7.3</LangVersion><ModelPortModelsClass>public</ModelPortModelsClass><PackageId>Acme.Nouns</PackageId><AssemblyName>Acme.Nouns</AssemblyName>");
        TestProject application = _release.Application("", "using ModelPort;\n" + Program, "", $"<ProjectReference Include=\"{library.ProjectFile}\" />");
        application.Build().Succeeded();
        Assert.Equal("Q8_0 True kept True", Run(application));

        // The class of its assembly is enough for those that reference its package.
        string output = Path.Combine(repository.Root, "library");
        _release.Pack(library, "1.0.0", output, "--no-build", "-c", "Debug").Succeeded();
        using System.IO.Compression.ZipArchive package = System.IO.Compression.ZipFile.OpenRead(Path.Combine(output, "Acme.Nouns.1.0.0.nupkg"));
        Assert.Null(package.GetEntry("buildTransitive/Acme.Nouns.Models.cs"));
        Assert.NotNull(package.GetEntry("lib/net10.0/Acme.Nouns.dll"));
    }

    private TestProject Project(string program, string properties = "")
    {
        TestProject project = repository.Project(
            ModelRelease.Item("Q8_0"),
            "<ImplicitUsings>enable</ImplicitUsings><TreatWarningsAsErrors>true</TreatWarningsAsErrors><ModelPortEvaluationTokens>1024</ModelPortEvaluationTokens>" + properties,
            realWorker: true);
        File.WriteAllText(Path.Combine(project.Directory, "Program.cs"), program);
        return project;
    }

    private string Run(TestProject project) => project.RunIn(repository.Root, Path.Combine(project.Bin, "App.dll")).Succeeded().Output.Trim();
}
