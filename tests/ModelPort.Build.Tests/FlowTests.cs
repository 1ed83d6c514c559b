namespace ModelPort.Build.Tests;

public sealed class FlowTests(PackedRepository repository)
{
    private const string Item = """<ModelPort Include="../checkpoint" />""";

    private static readonly string[] Ported = ["checkpoint/checkpoint.gguf", "checkpoint/modelport.json"];

    [Fact]
    public void An_application_that_references_a_library_with_an_item_gets_the_port_built_and_published()
    {
        TestProject library = repository.Project(Item, "<OutputType>Library</OutputType><EnableDefaultCompileItems>false</EnableDefaultCompileItems>");
        string application = library.AddApplication();
        library.RunIn(application, "build", "--no-restore", "-tl:off", "-v:m").Succeeded();
        Assert.Equal(Ported, TestProject.FilesIn(Path.Combine(application, "bin", "Debug", "net10.0", "models")));

        string published = Path.Combine(application, "published");
        library.RunIn(application, "publish", "--no-build", "-c", "Debug", "-tl:off", "-o", published).Succeeded();
        Assert.Equal(Ported, TestProject.FilesIn(Path.Combine(published, "models")));
        Assert.Contains("checkpoint.gguf", library.RunIn(published, "Consumer.dll").Succeeded().Output, StringComparison.Ordinal);
        Assert.Single(library.Ports);
    }

    [Fact]
    public void Publish_takes_the_port_along_as_a_copy_and_beside_a_single_file()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" Behaviour="large" />""", "<RuntimeIdentifier>$(NETCoreSdkRuntimeIdentifier)</RuntimeIdentifier><SelfContained>false</SelfContained><EnableSingleFileAnalyzer>false</EnableSingleFileAnalyzer>");
        project.Restore();
        BuildResult result = project.Run("publish", "--no-restore", "-c", "Debug", "-o", "out", "-p:PublishSingleFile=true").Succeeded();
        Assert.Equal(1, result.Workers);
        string published = Path.Combine(project.Directory, "out");
        Assert.Equal(Ported, TestProject.FilesIn(Path.Combine(published, "models")));
        Assert.DoesNotContain("App.dll", TestProject.FilesIn(published));
        Assert.False(new FileInfo(Path.Combine(published, "models", Ported[0])).IsReadOnly);
        Assert.All(Directory.GetFiles(published), file => Assert.InRange(new FileInfo(file).Length, 1, 1 << 20));
    }

    [Fact]
    public void Target_frameworks_share_one_port()
    {
        TestProject project = repository.Project(
            Item,
            "<TargetFramework></TargetFramework><TargetFrameworks>net10.0;netstandard2.0</TargetFrameworks><OutputType>Library</OutputType><EnableDefaultCompileItems>false</EnableDefaultCompileItems>" + TestProject.NoCompiler);
        project.Restore();
        project.Build("-m:2").Succeeded();
        Assert.Single(project.Ports);
        Assert.Equal(Ported, TestProject.FilesIn(Path.Combine(project.Directory, "bin", "Debug", "net10.0", "models")));
        Assert.Equal(Ported, TestProject.FilesIn(Path.Combine(project.Directory, "bin", "Debug", "netstandard2.0", "models")));
        Assert.Equal(0, project.Build("-m:2").Succeeded().Workers);

        project.Run("clean", "-f", "netstandard2.0").Succeeded();
        Assert.True(Directory.Exists(project.Obj));
        project.Run("clean").Succeeded();
        Assert.False(Directory.Exists(project.Obj));
    }

    [Fact]
    public void An_item_of_one_target_framework_is_left_alone_by_the_other()
    {
        TestProject project = repository.Project(
            """<ModelPort Include="../checkpoint" Condition="'$(TargetFramework)' == 'net10.0'" />""",
            "<TargetFramework></TargetFramework><TargetFrameworks>net10.0;netstandard2.0</TargetFrameworks><OutputType>Library</OutputType><EnableDefaultCompileItems>false</EnableDefaultCompileItems>" + TestProject.NoCompiler);
        project.Restore();
        project.Build("-m:1").Succeeded();
        Assert.Equal(0, project.Build("-m:1").Succeeded().Workers);
        Assert.Single(project.Ports);
        Assert.False(Directory.Exists(Path.Combine(project.Directory, "bin", "Debug", "netstandard2.0", "models")));
    }

    [Theory]
    [InlineData("/", "", "llama-1.1b")]
    [InlineData("", "/", "llama-1.1b")]
    [InlineData("/model.v2.GGUF", "", "model.v2")]
    public void The_name_is_the_last_segment_of_the_path(string file, string end, string name)
    {
        TestProject project = repository.Project($"""<ModelPort Include="../llama-1.1b{file}{end}" />""", TestProject.NoCompiler, checkpoint: "llama-1.1b");
        BuildResult plan = project.Run("msbuild", "-t:ModelPortPlan", "-getItem:_ModelPortPlanned").Succeeded();
        Assert.Contains($"\"Identity\": \"{name}\"", plan.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(" with spaces and 'quotes'", "check point")]
    [InlineData(" Прüфung 🦙", "🦙 модель")]
    [InlineData("@home", "a@b %2541 100%25 %3B; ' (x)")]
    [InlineData("50%25 %3Bx", "checkpoint")]
    public void Odd_paths_build_copy_and_stay_up_to_date(string folder, string checkpoint)
    {
        // The texts are as a project file has them: MSBuild's escapes stand for the characters.
        TestProject project = repository.Project(
            $"""<ModelPort Include="../{Escape(Uri.UnescapeDataString(checkpoint))}" Behaviour="large" />""",
            TestProject.NoCompiler,
            Uri.UnescapeDataString(folder),
            Uri.UnescapeDataString(checkpoint));
        BuildResult first = project.Build().Succeeded();
        Assert.Equal(1, first.Workers);
        string name = Uri.UnescapeDataString(checkpoint);
        Assert.Equal(new[] { $"{name}/{name}.gguf", $"{name}/modelport.json" }.Order(StringComparer.Ordinal), TestProject.FilesIn(Path.Combine(project.Bin, "models")));
        BuildResult second = project.Build().Succeeded();
        Assert.Equal(0, second.Workers);
        Assert.Empty(second.Tasks("PlaceModelPorts"));
    }

    private static string Escape(string path) => path.Replace("%", "%25", StringComparison.Ordinal).Replace(";", "%3B", StringComparison.Ordinal).Replace("@", "%40", StringComparison.Ordinal).Replace("'", "%27", StringComparison.Ordinal);
}
