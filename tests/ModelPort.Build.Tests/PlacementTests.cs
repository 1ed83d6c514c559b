namespace ModelPort.Build.Tests;

/// <summary>How ported files come into bin, and what an edit there does.</summary>
public sealed class PlacementTests(PackedRepository repository)
{
    private const string Item = """<ModelPort Include="../checkpoint" Behaviour="large" />""";
    private const string Model = "checkpoint.gguf";

    [Fact]
    public void A_model_in_bin_is_a_link_or_a_clone_that_no_edit_leads_out_of()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows copies.");
        TestProject project = repository.Project(Item);
        project.Build().Succeeded();
        string ported = Path.Combine(project.Obj, "checkpoint", Model);
        string beside = InBin(project, Model);
        string content = File.ReadAllText(ported);

        // A file that can be written to must be one of its own; one that shares its inode must not.
        Assert.True(new FileInfo(beside).IsReadOnly == TestProject.IsSameFile(ported, beside));
        Assert.False(new FileInfo(InBin(project, "modelport.json")).IsReadOnly);
        Assert.Equal(File.GetLastWriteTimeUtc(ported), File.GetLastWriteTimeUtc(beside));

        string edited = beside + ".edited";
        File.WriteAllText(edited, "edited");
        File.Move(edited, beside, overwrite: true);
        Assert.Equal(content, File.ReadAllText(ported));
        Assert.NotEqual(0, project.Build("-question").ExitCode);
        Assert.Equal("edited", File.ReadAllText(beside));
        Assert.Equal(0, project.Build().Succeeded().Workers);
        Assert.Equal(content, File.ReadAllText(beside));
        project.Build("-question").Succeeded();
    }

    [Fact]
    public void A_file_written_over_in_place_by_force_is_ported_again_everywhere()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows copies.");
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        project.Build().Succeeded();
        string beside = InBin(project, Model);
        string content = File.ReadAllText(beside);
        File.SetAttributes(beside, FileAttributes.Normal);
        File.AppendAllText(beside, "edited");
        project.Build().Succeeded();
        Assert.Equal(content, File.ReadAllText(beside));
        Assert.Equal(content, File.ReadAllText(Path.Combine(project.Obj, "checkpoint", Model)));
    }

    [Fact]
    public void Without_links_bin_has_a_copy_and_the_change_to_it_harms_nothing_that_was_linked()
    {
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        project.Build().Succeeded();
        string ported = Path.Combine(project.Obj, "checkpoint", Model);
        string content = File.ReadAllText(ported);

        // Stands for the store: the next port has another content and takes the name alone.
        string kept = Path.Combine(project.Directory, "kept.gguf");
        File.Move(InBin(project, Model), kept);
        project.Build().Succeeded();
        project.Build("-p:ModelPortLinkOutputs=false", "-p:ModelPortEvaluationTokens=9").Succeeded();
        Assert.False(new FileInfo(InBin(project, Model)).IsReadOnly);
        Assert.False(OperatingSystem.IsLinux() && TestProject.IsSameFile(ported, InBin(project, Model)));
        Assert.Equal(File.ReadAllText(ported), File.ReadAllText(InBin(project, Model)));
        Assert.NotEqual(content, File.ReadAllText(ported));
        Assert.Equal(content, File.ReadAllText(kept));
        Assert.Empty(project.Build("-p:ModelPortLinkOutputs=false", "-p:ModelPortEvaluationTokens=9").Succeeded().Tasks("PlaceModelPorts"));
    }

    [Fact]
    public void A_port_that_comes_back_older_than_what_it_replaces_arrives_everywhere()
    {
        TestProject library = repository.Project("""<ModelPort Include="../checkpoint" />""", "<OutputType>Library</OutputType><EnableDefaultCompileItems>false</EnableDefaultCompileItems>");
        string application = library.AddApplication();
        string published = Path.Combine(application, "published");
        Deliver();
        library.SetItems("""<ModelPort Include="../checkpoint" Behaviour="old" />""");
        Deliver();
        string[] models = [library.Bin, Path.Combine(application, "bin", "Debug", "net10.0"), published];
        Assert.All(models, folder => Assert.Contains("\"Behaviour\":\"old\"", File.ReadAllText(Path.Combine(folder, "models", "checkpoint", Model)), StringComparison.Ordinal));

        void Deliver() => library.RunIn(application, "publish", "--no-restore", "-c", "Debug", "-tl:off", "-o", published).Succeeded();
    }

    private static string InBin(TestProject project, string file) => Path.Combine(project.Bin, "models", "checkpoint", file);
}
