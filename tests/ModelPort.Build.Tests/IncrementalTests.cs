namespace ModelPort.Build.Tests;

public sealed class IncrementalTests(PackedRepository repository)
{
    private const string Item = """<ModelPort Include="../checkpoint" Precision="Q8_0" />""";

    [Fact]
    public void A_second_build_starts_no_worker_and_passes_question()
    {
        TestProject project = repository.Project(Item);
        BuildResult first = project.Build().Succeeded();
        Assert.Equal(1, first.Workers);
        Assert.Contains("checkpoint: ported", first.Output, StringComparison.Ordinal);

        BuildResult second = project.Build().Succeeded();
        Assert.Equal(0, second.Workers);
        Assert.DoesNotContain("ported", second.Output, StringComparison.Ordinal);
        project.Build("-question").Succeeded();
    }

    [Fact]
    public void Question_fails_before_the_port_and_starts_no_worker()
    {
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        Assert.NotEqual(0, project.Build("-question").ExitCode);
        Assert.Empty(project.Ports);
    }

    [Fact]
    public void A_touched_source_file_asks_the_worker_once_and_ports_nothing()
    {
        TestProject project = Built();
        File.SetLastWriteTimeUtc(Path.Combine(project.Checkpoint, "config.json"), DateTime.UtcNow);

        BuildResult touched = project.Build().Succeeded();
        Assert.Equal(1, touched.Workers);
        Assert.Single(project.Ports);
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    [Fact]
    public void A_changed_source_file_ports_again_and_replaces_the_copy_beside_the_application()
    {
        TestProject project = Built();
        File.WriteAllText(Path.Combine(project.Checkpoint, "config.json"), "{}");
        project.Build().Succeeded();
        Assert.Equal(2, project.Ports.Length);
        Assert.Equal(
            File.ReadAllText(Path.Combine(project.Obj, "checkpoint", "modelport.json")),
            File.ReadAllText(Path.Combine(project.Bin, "models", "checkpoint", "modelport.json")));
    }

    [Theory]
    [InlineData("extra.json", "")]
    [InlineData("", "tokenizer.json")]
    public void A_file_added_with_an_old_time_or_taken_away_makes_the_port_stale(string added, string removed)
    {
        TestProject project = Built();
        if (added.Length > 0)
        {
            File.WriteAllText(Path.Combine(project.Checkpoint, added), "{}");
            File.SetLastWriteTimeUtc(Path.Combine(project.Checkpoint, added), new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }
        else
        {
            File.Delete(Path.Combine(project.Checkpoint, removed));
        }

        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    [Fact]
    public void Changed_metadata_of_one_item_port_that_item_alone()
    {
        const string Second = """<ModelPort Include="../checkpoint" Name="second" />""";
        TestProject project = Built(Item + Second);
        Assert.Equal(2, project.Ports.Length);
        project.SetItems(Item.Replace("Q8_0", "Q4_0", StringComparison.Ordinal) + Second);

        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal("checkpoint", project.Ports[^1]);
    }

    [Fact]
    public void A_property_on_the_command_line_is_an_input()
    {
        TestProject project = Built();
        Assert.Equal(1, project.Build("-p:ModelPortEvaluationTokens=100").Succeeded().Workers);
        Assert.Contains("\"EvaluationTokens\":\"100\"", File.ReadAllText(Path.Combine(project.Bin, "models", "checkpoint", "modelport.json")), StringComparison.Ordinal);
        Assert.Equal(0, project.Build("-p:ModelPortEvaluationTokens=100").Succeeded().Workers);
        Assert.Equal(1, project.Build().Succeeded().Workers);
    }

    [Fact]
    public void Where_finished_work_is_kept_is_told_to_the_worker_and_makes_nothing_stale()
    {
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        project.Build("-p:ModelPortCacheDirectory=../cache", "-p:ModelPortRemoteCache=http://127.0.0.1:1/cache", "-p:ModelPortCacheMaxSize=1GB", "-p:ModelPortCacheVerify=always", "-p:ModelPortRemoteCacheReadOnly=true").Succeeded();
        string request = File.ReadAllText(Path.Combine(project.Bin, "models", "checkpoint", "modelport.json"));
        Assert.Contains($"\"CacheDirectory\":\"{Path.GetFullPath(Path.Combine(project.Directory, "..", "cache"))}\"", request, StringComparison.Ordinal);
        Assert.Contains("\"RemoteCache\":\"http://127.0.0.1:1/cache\"", request, StringComparison.Ordinal);
        Assert.Contains("\"RemoteCacheReadOnly\":\"true\"", request, StringComparison.Ordinal);
        Assert.Equal(0, project.Build("-p:ModelPortCacheDirectory=none").Succeeded().Workers);
        Assert.Equal(1, project.Build("-p:ModelPortAttribute=true").Succeeded().Workers);
    }

    [Fact]
    public void Each_file_of_a_list_is_an_input_below_any_folder()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" Evaluation="text.txt; tasks%3B 50%25/a.jsonl" />""", TestProject.NoCompiler);
        string task = Path.Combine(Directory.CreateDirectory(Path.Combine(project.Directory, "tasks; 50%")).FullName, "a.jsonl");
        string text = Path.Combine(project.Directory, "text.txt");
        File.WriteAllText(task, "{}");
        File.WriteAllText(text, "text");
        project.Build("-p:ModelPortServing=true").Succeeded();
        string request = File.ReadAllText(Path.Combine(project.Bin, "models", "checkpoint", "modelport.json"));
        Assert.Contains($"\"Evaluation\":\"{text};{task.Replace("%", "%25", StringComparison.Ordinal).Replace(";", "%3B", StringComparison.Ordinal)}\"", request, StringComparison.Ordinal);
        Assert.Contains("\"Serving\":\"true\"", request, StringComparison.Ordinal);
        Assert.Equal(0, project.Build("-p:ModelPortServing=true").Succeeded().Workers);
        foreach (string file in new[] { text, task })
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(2));
            Assert.Equal(1, project.Build("-p:ModelPortServing=true").Succeeded().Workers);
        }
    }

    [Fact]
    public void A_calibration_text_is_an_input()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" Calibration="../calibration.txt" CalibrationTokens="2048" />""", TestProject.NoCompiler);
        string text = Path.GetFullPath(Path.Combine(project.Directory, "..", "calibration.txt"));
        File.WriteAllText(text, "In the beginning.");
        project.Build().Succeeded();
        string request = File.ReadAllText(Path.Combine(project.Bin, "models", "checkpoint", "modelport.json"));
        Assert.Contains($"\"Calibration\":\"{text}\"", request, StringComparison.Ordinal);
        Assert.Contains("\"CalibrationTokens\":\"2048\"", request, StringComparison.Ordinal);
        Assert.Equal(0, project.Build().Succeeded().Workers);

        File.WriteAllText(text, "In the beginning, and after.");
        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    [Theory]
    [InlineData("checkpoint.gguf")]
    [InlineData("modelport.json")]
    public void An_output_that_was_deleted_or_changed_makes_the_port_stale(string output)
    {
        TestProject project = Built();
        string path = Path.Combine(project.Obj, "checkpoint", output);
        string ported = File.ReadAllText(path);
        File.AppendAllText(path, "tampered");
        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal(ported, File.ReadAllText(path));
        File.Delete(path);
        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.Equal(ported, File.ReadAllText(path));
    }

    [Fact]
    public void A_worker_of_another_build_makes_the_port_stale()
    {
        string copy = Directory.CreateDirectory(Path.Combine(repository.Root, "worker-copy")).FullName;
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(PackedRepository.Worker)!))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        string worker = Path.Combine(copy, Path.GetFileName(PackedRepository.Worker));
        TestProject project = repository.Project(Item, TestProject.NoCompiler);
        project.Build("-p:ModelPortToolPath=" + worker).Succeeded();
        Assert.Equal(0, project.Build("-p:ModelPortToolPath=" + worker).Succeeded().Workers);
        File.SetLastWriteTimeUtc(worker, DateTime.UtcNow);
        Assert.Equal(1, project.Build("-p:ModelPortToolPath=" + worker).Succeeded().Workers);
    }

    private TestProject Built(string items = Item)
    {
        TestProject project = repository.Project(items, TestProject.NoCompiler);
        project.Build().Succeeded();
        return project;
    }
}
