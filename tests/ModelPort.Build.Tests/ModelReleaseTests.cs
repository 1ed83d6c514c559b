using System.Diagnostics;
using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>The life of a released model: what is worse is refused with its numbers, accepted with a reason, and told apart by compare.</summary>
public sealed class ModelReleaseTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    [Fact]
    public void A_worse_release_is_refused_with_its_numbers_and_accepted_with_a_reason()
    {
        TestProject project = _release.Model("Q4_K_M");
        string output = Path.Combine(repository.Root, "released");
        BuildResult first = _release.Pack(project, "1.2.0", output, "-p:ModelPortBaselineVersion=none").Succeeded();
        Assert.Contains("Acme.Wordnet: the first release", first.Output, StringComparison.Ordinal);
        File.Delete(Path.Combine(output, "Acme.Wordnet.1.2.0.nupkg"));

        Error missing = _release.Pack(project, "1.2.0", output, "--no-build", "-p:ModelPortBaselineVersion=9.9.9").Failed();
        Assert.Equal("MP5030", missing.Code);

        // Restore fetches the release before, beside what the project references.
        project.SetItems(project.Items + "<PackageDownload Include=\"Acme.Wordnet\" Version=\"[1.0.0]\" />");
        project.Restore();
        BuildResult refused = _release.Pack(project, "1.2.0", output, "--no-build", "-p:ModelPortBaselineVersion=1.0.0");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.All(refused.Errors, error => Assert.Equal("MP5031", error.Code));
        Error divergence = Assert.Single(refused.Errors, error => error.Text.Contains("mean divergence", StringComparison.Ordinal));
        Assert.Contains("in Acme.Wordnet 1.0.0", divergence.Text, StringComparison.Ordinal);
        Assert.Contains("compared with Acme.Wordnet 1.0.0", refused.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(output, "Acme.Wordnet.1.2.0.nupkg")));

        string suppressions = Path.Combine(project.Directory, "ModelPortSuppressions.xml");
        File.WriteAllText(suppressions, "<Suppressions><Suppression Model=\"wordnet-llama Q4_K_M\" What=\"*\"></Suppression></Suppressions>");
        Assert.Equal("MP5033", _release.Pack(project, "1.2.0", output, "--no-build", "-p:ModelPortBaselineVersion=1.0.0").Failed().Code);
        File.WriteAllText(suppressions, """
            <Suppressions>
              <Suppression Model="wordnet-llama Q4_K_M" What="*" Baseline="1.0.0">A third of the size for phones.</Suppression>
              <Suppression Model="wordnet-llama Q2_K" What="mean divergence">Long ago.</Suppression>
            </Suppressions>
            """);
        Error low = _release.Pack(project, "1.0.1", output, "--no-build", "-p:ModelPortBaselineVersion=1.0.0").Failed();
        Assert.Equal("MP5032", low.Code);
        Assert.Contains("1.1.0 or higher", low.Text, StringComparison.Ordinal);

        BuildResult accepted = _release.Pack(project, "1.2.0", output, "--no-build", "-p:ModelPortBaselineVersion=1.0.0").Succeeded();
        Assert.Contains("accepted: A third of the size for phones.", accepted.Output, StringComparison.Ordinal);
        Assert.Equal("MP5034", Assert.Single(accepted.Warnings).Code);
        Assert.True(File.Exists(Path.Combine(output, "Acme.Wordnet.1.2.0.nupkg")));

        // A package that got another name is held against the one before under its old one.
        BuildResult renamed = _release.Pack(project, "1.2.0", output, "--no-build", "-p:PackageId=Acme.Nouns", "-p:ModelPortBaselineName=Acme.Wordnet", "-p:ModelPortBaselineVersion=1.0.0").Succeeded();
        Assert.Contains("Acme.Nouns: compared with Acme.Wordnet 1.0.0", renamed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_version_that_git_gives_through_MinVer_is_the_one_that_the_gate_judges_also_without_a_build()
    {
        TestProject project = _release.Model("Q4_K_M");
        project.SetItems(project.Items + "<PackageReference Include=\"MinVer\" Version=\"8.0.0\" PrivateAssets=\"all\" />");
        project.Restore();
        Git("init", "-q");
        Git("-c", "user.name=Acme", "-c", "user.email=acme@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", "Released");
        Git("tag", "1.0.1");
        string output = Path.Combine(repository.Root, "minver");
        project.Run("build", "--no-restore", "-c", "Release").Succeeded();
        BuildResult low = project.Run("pack", "--no-build", "-o", output, $"-p:ModelPortBaselinePath={_release.Package("1.0.0")}", "-p:ModelPortBaselineVersion=1.0.0");
        Assert.Contains(low.Errors, error => error.Code == "MP5032" && error.Text.StartsWith("The version 1.0.1 says too little", StringComparison.Ordinal));
        Git("tag", "2.0.0");
        project.Run("pack", "--no-build", "-o", output, "-p:ModelPortBaselineVersion=none").Succeeded();
        Assert.Equal(["Acme.Wordnet.2.0.0.nupkg"], TestProject.FilesIn(output));

        void Git(params string[] arguments)
        {
            using Process git = Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = project.Directory })!;
            git.WaitForExit();
            Assert.Equal(0, git.ExitCode);
        }
    }

    [Fact]
    public void Compare_is_a_table_for_a_release_note_and_exit_code_3_where_the_new_one_is_worse()
    {
        BuildResult worse = _release.Tool("compare", _release.Package("1.0.0"), _release.Package("1.1.0"));
        Assert.Equal(3, worse.ExitCode);
        Assert.Contains("| wordnet-llama Q4_K_M | mean divergence", worse.Output, StringComparison.Ordinal);
        Assert.Contains("This is a minor change.", worse.Output, StringComparison.Ordinal);
        BuildResult better = _release.Tool("compare", _release.Package("1.1.0"), _release.Package("1.0.0")).Succeeded();
        Assert.Contains("better", better.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("WORSE", better.Output, StringComparison.Ordinal);
        Assert.Contains("nothing differs", _release.Tool("compare", _release.Package("1.0.0"), _release.Package("1.0.0")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("\"kind\": \"Worse\"", _release.Tool("compare", _release.Package("1.0.0"), _release.Package("1.1.0"), "--format", "json").Output, StringComparison.Ordinal);
    }
}
