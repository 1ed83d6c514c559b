namespace ModelPort.Build.Tests;

/// <summary>The ways in which MSBuild can carry out one solution: a library with an item and three target frameworks, and an application with an item of its own that references it.</summary>
public sealed class ModesTests(PackedRepository repository)
{
    private const string Frameworks = "<TargetFramework></TargetFramework><TargetFrameworks>net10.0;netstandard2.0;netstandard2.1</TargetFrameworks>";

    private static readonly string[] Both = ["checkpoint/checkpoint.gguf", "checkpoint/modelport.json", "own/modelport.json", "own/own.gguf"];

    [Fact]
    public void Every_way_of_building_ports_each_item_once_and_then_nothing()
    {
        (TestProject library, string solution) = Solution();
        string[][] modes = [["-m:2", "-nr:true"], ["-graph", "-m:2", "-nr:true"], ["-graph", "-isolate", "-m:2"], ["-mt", "-m:2"]];
        foreach ((int round, string[] mode) in modes.Index())
        {
            string name = string.Join(' ', mode);
            string config = $$"""{"architectures":["Test"],"round":{{round}}}""";
            File.WriteAllText(Path.Combine(library.Checkpoint, "config.json"), config);
            int before = library.Ports.Length;

            BuildResult first = library.Build(solution, mode);
            Assert.True(first.ExitCode == 0, $"{name}: {first.Output}");
            Assert.Equal(["checkpoint", "own"], library.Ports[before..].Order(StringComparer.Ordinal));
            Assert.Equal(Both, TestProject.FilesIn(Path.Combine(solution, "Consumer", "bin", "Debug", "net10.0", "models")));
            foreach (string framework in new[] { "net10.0", "netstandard2.0", "netstandard2.1" })
            {
                string models = Path.Combine(library.Directory, "bin", "Debug", framework, "models");
                Assert.Equal(Both[..2], TestProject.FilesIn(models));
                Assert.Equal(File.ReadAllText(Path.Combine(library.Obj, "checkpoint", "checkpoint.gguf")), File.ReadAllText(Path.Combine(models, "checkpoint", "checkpoint.gguf")));
            }

            BuildResult second = library.Build(solution, mode);
            Assert.True(second.ExitCode == 0, $"{name}: {second.Output}");
            Assert.True(second.Workers == 0 && second.Tasks("PlaceModelPorts").Count == 0, name);
        }

        library.Build(solution, ["-question", "-m:2"]).Succeeded();
        library.Clean(solution).Succeeded();
        Assert.DoesNotContain(TestProject.FilesIn(solution), file => file.EndsWith(".gguf", StringComparison.Ordinal));
        Assert.False(Directory.Exists(Path.Combine(solution, "Consumer", "bin", "Debug", "net10.0", "models", "own")));
    }

    [Fact]
    public void A_static_graph_restore_gives_the_same_build()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" />""", TestProject.NoCompiler);
        Directory.Delete(Path.Combine(project.Directory, "obj"), recursive: true);
        BuildResult result = project.Run("build", "-p:RestoreUseStaticGraphEvaluation=true").Succeeded();
        Assert.Equal(1, result.Workers);
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    private (TestProject Library, string Solution) Solution()
    {
        TestProject library = repository.Project(
            """<ModelPort Include="../checkpoint" />""",
            Frameworks + "<OutputType>Library</OutputType><EnableDefaultCompileItems>false</EnableDefaultCompileItems>");
        _ = library.AddApplication("""<ModelPort Include="../checkpoint" Name="own" />""");
        string solution = Path.GetFullPath(Path.Combine(library.Directory, ".."));
        File.WriteAllText(Path.Combine(solution, "All.slnx"), """<Solution><Project Path="App/App.csproj" /><Project Path="Consumer/Consumer.csproj" /></Solution>""");
        library.Restore();
        return (library, solution);
    }
}
