namespace ModelPort.Build.Tests;

public sealed class RemovalTests(PackedRepository repository)
{
    private const string One = """<ModelPort Include="../checkpoint" Name="one" />""";
    private const string Two = """<ModelPort Include="../checkpoint" Name="two" />""";

    [Fact]
    public void A_removed_item_takes_its_files_along_and_leaves_the_others()
    {
        TestProject project = Built();
        project.SetItems(One);
        Assert.Equal(0, project.Build().Succeeded().Workers);
        Assert.False(Directory.Exists(Path.Combine(project.Obj, "two")));
        Assert.Equal(["one/modelport.json", "one/one.gguf"], TestProject.FilesIn(Path.Combine(project.Bin, "models")));
        Assert.False(Directory.Exists(Path.Combine(project.Bin, "models", "two")));

        project.SetItems("");
        project.Build().Succeeded();
        Assert.False(Directory.Exists(project.Obj));
        Assert.False(Directory.Exists(Path.Combine(project.Bin, "models")));
    }

    [Fact]
    public void Clean_removes_all_ports_those_of_items_since_removed_too()
    {
        TestProject project = Built();
        project.SetItems(One);
        project.Run("clean").Succeeded();
        Assert.False(Directory.Exists(project.Obj));
        Assert.False(Directory.Exists(Path.Combine(project.Bin, "models")));
    }

    [Fact]
    public void Clean_of_one_configuration_keeps_what_the_other_uses()
    {
        TestProject project = Built();
        Assert.Equal(1, project.Build("--configuration", "Release", "-p:ModelPortThreads=1").Succeeded().Workers - 1);
        project.Run("clean", "--configuration", "Release").Succeeded();
        Assert.True(File.Exists(Path.Combine(project.Obj, "one", "one.gguf")));
        project.Run("clean").Succeeded();
        Assert.False(Directory.Exists(project.Obj));
    }

    [Fact]
    public void A_rebuild_ports_again_and_leaves_everything_in_place()
    {
        TestProject project = Built();
        Assert.Equal(2, project.Build("--no-incremental").Succeeded().Workers);
        Assert.Equal(4, project.Ports.Length);
        Assert.Equal(4, TestProject.FilesIn(Path.Combine(project.Bin, "models")).Length);
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    [Fact]
    public void The_latest_file_of_a_changed_port_replaces_the_earlier_ones()
    {
        TestProject project = Built();
        project.SetItems(One.Replace("one", "ONE", StringComparison.Ordinal));
        project.Build().Succeeded();
        Assert.Contains("ONE/ONE.gguf", TestProject.FilesIn(Path.Combine(project.Bin, "models")));
    }

    private TestProject Built()
    {
        TestProject project = repository.Project(One + Two, TestProject.NoCompiler);
        project.Build().Succeeded();
        return project;
    }
}
