using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

public sealed class ErrorTests(PackedRepository repository)
{
    [Fact]
    public void A_diagnostic_of_the_worker_keeps_its_code_file_and_text()
    {
        TestProject project = Behaving("fail");
        BuildResult result = project.Build();
        Error error = result.Failed();
        Assert.Equal("MP1999", error.Code);
        Assert.Equal(Path.Combine(project.Checkpoint, "config.json"), error.File);
        Assert.Equal("first line\nsecond line with 🦙", error.Text.ReplaceLineEndings("\n"));
        Assert.Empty(Directory.GetFiles(project.Obj, "*.tmp"));
    }

    [Fact]
    public void A_missed_budget_fails_the_build_with_the_workers_error_alone() => Assert.Equal("MP3999", Behaving("miss").Build().Failed().Code);

    [Fact]
    public void A_worker_that_dies_is_reported_with_its_last_words()
    {
        TestProject project = Behaving("die");
        Error error = project.Build().Failed();
        Assert.Equal("MP9010", error.Code);
        Assert.Equal(project.Checkpoint, error.File);
        Assert.Contains("exit code 134", error.Text, StringComparison.Ordinal);
        Assert.Contains("GGML_ASSERT(false) failed", error.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("silent")]
    [InlineData("stray")]
    public void A_worker_without_a_result_that_holds_fails_the_build(string behaviour)
    {
        TestProject project = Behaving(behaviour);
        Assert.Equal("MP9011", project.Build().Failed().Code);
        Assert.Equal(1, project.Build().Workers);
    }

    [Fact]
    public void Lines_that_only_look_like_diagnostics_are_none()
    {
        TestProject project = Behaving("chatter");
        BuildResult result = project.Build().Succeeded();
        Assert.Empty(result.Errors);
        Warning warning = Assert.Single(result.Warnings);
        Assert.Equal("MP2999", warning.Code);
        Assert.Equal("a warning with {braces} and 100 %", warning.Text);
        Assert.Equal(Path.Combine(project.Checkpoint, "config.json"), warning.File);
        Assert.DoesNotContain("quant error", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_warning_that_is_made_an_error_by_its_code_fails_every_build()
    {
        TestProject project = Behaving("chatter");
        Assert.Equal("MP2999", project.Build("-warnaserror:MP2999").Failed().Code);
        Assert.Equal("MP2999", project.Build("-warnaserror:MP2999").Failed().Code);
    }

    [Fact]
    public void Two_items_of_one_name_are_an_error_of_the_project()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" /><ModelPort Include="../other/Checkpoint/" />""", TestProject.NoCompiler);
        Error error = project.Build().Failed();
        Assert.Equal("MP9016", error.Code);
        Assert.Equal(project.ProjectFile, error.File);
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a:b")]
    [InlineData("end.")]
    public void A_name_that_cannot_be_a_folder_is_an_error(string name)
    {
        TestProject project = repository.Project($"""<ModelPort Include="../checkpoint" Name="{name}" />""", TestProject.NoCompiler);
        Assert.Equal("MP9017", project.Build().Failed().Code);
    }

    [Fact]
    public void A_worker_that_is_not_there_is_an_error_that_names_the_property()
    {
        TestProject project = Behaving("");
        Error error = project.Build("-p:ModelPortToolPath=/nowhere/ModelPort.Tool.dll").Failed();
        Assert.Equal("MP9012", error.Code);
        Assert.Contains("ModelPortToolPath", error.Text, StringComparison.Ordinal);
    }

    private TestProject Behaving(string behaviour) => repository.Project($"""<ModelPort Include="../checkpoint" Behaviour="{behaviour}" />""", TestProject.NoCompiler);
}
