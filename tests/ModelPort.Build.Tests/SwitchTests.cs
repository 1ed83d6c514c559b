namespace ModelPort.Build.Tests;

public sealed class SwitchTests(PackedRepository repository)
{
    private const string Item = """<ModelPort Include="../checkpoint" />""";

    [Theory]
    [InlineData("-p:ModelPortSkip=true")]
    [InlineData("-p:EnableModelPort=false")]
    [InlineData("-p:DesignTimeBuild=true")]
    public void A_build_told_to_port_nothing_does_nothing_and_does_not_fail(string property)
    {
        TestProject project = repository.Project("""<ModelPort Include="../missing" Behaviour="fail" />""", TestProject.NoCompiler);
        Assert.Equal(0, project.Build(property).Succeeded().Workers);
        Assert.False(Directory.Exists(project.Obj));
    }

    [Fact]
    public void A_skipped_build_keeps_what_was_ported()
    {
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        project.Build().Succeeded();
        Assert.Equal(0, project.Build("-p:ModelPortSkip=true", "-p:ModelPortThreads=7").Succeeded().Workers);
        Assert.Equal(["checkpoint/checkpoint.gguf", "checkpoint/modelport.json"], TestProject.FilesIn(Path.Combine(project.Bin, "models")));
    }

    [Fact]
    public void The_targets_of_an_IDE_start_no_worker_and_write_nothing()
    {
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        BuildResult result = project.Run(
            "msbuild",
            "-t:ResolveReferences;GetCopyToOutputDirectoryItems;AssignTargetPaths;Compile",
            "-p:DesignTimeBuild=true",
            "-p:BuildingInsideVisualStudio=true",
            "-p:ProvideCommandLineArgs=true",
            "-p:BuildProjectReferences=false").Succeeded();
        Assert.Equal(0, result.Workers);
        Assert.False(Directory.Exists(project.Obj));
    }

    [Fact]
    public void Visual_Studio_learns_what_a_port_is_made_from_and_what_stands_for_it()
    {
        TestProject project = repository.Project(
            $"""
            {Item}
            </ItemGroup>
            <Target Name="CollectUpToDateCheckInputDesignTime" Returns="@(UpToDateCheckInput)" />
            <Target Name="CollectUpToDateCheckOutputDesignTime" Returns="@(UpToDateCheckOutput)" />
            <ItemGroup>
            """,
            TestProject.NoCompiler);
        Assert.Equal((2, 0), Checked());
        project.Build().Succeeded();
        Assert.Equal((2, 1), Checked());

        (int Inputs, int Outputs) Checked()
        {
            BuildResult result = project.Run("msbuild", "-t:CollectUpToDateCheckInputDesignTime;CollectUpToDateCheckOutputDesignTime", "-p:DesignTimeBuild=true", "-p:BuildingInsideVisualStudio=true").Succeeded();
            Assert.Equal(0, result.Workers);
            string[] inputs = result.Returned("CollectUpToDateCheckInputDesignTime", "ModelPort");
            string[] outputs = result.Returned("CollectUpToDateCheckOutputDesignTime", "ModelPort");
            Assert.Equal(new[] { "config.json", "tokenizer.json" }.Select(file => Path.Combine(project.Checkpoint, file)), inputs);
            Assert.All(outputs, stamp => Assert.True(File.Exists(stamp)));
            return (inputs.Length, outputs.Length);
        }
    }

    [Fact]
    public void A_project_without_items_never_loads_the_tasks()
    {
        TestProject project = repository.Project("", TestProject.NoCompiler);
        Assert.DoesNotContain("ModelPort.Build.dll", project.Build("-v:diag").Succeeded().Output.Split("Using \"PlanModelPorts\"").Skip(1).SingleOrDefault() ?? "", StringComparison.Ordinal);
        Assert.False(Directory.Exists(project.Obj));
    }

    [Fact]
    public void Targets_of_the_project_can_attach_before_and_after()
    {
        TestProject project = repository.Project(
            """
            </ItemGroup>
            <Target Name="Before" BeforeTargets="ModelPortBeforeConvert">
              <ItemGroup><ModelPort Include="../checkpoint" Name="made-by-a-target" /></ItemGroup>
            </Target>
            <Target Name="After" AfterTargets="ModelPortAfterConvert">
              <Message Importance="high" Text="after: @(ModelPortOutput->'%(Link)')" />
            </Target>
            <ItemGroup>
            """,
            TestProject.NoCompiler);
        Assert.Contains("after: models/made-by-a-target/made-by-a-target.gguf", project.Build().Succeeded().Output.Replace('\\', '/'), StringComparison.Ordinal);
    }
}
