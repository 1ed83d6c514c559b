using System.Diagnostics;
using System.Globalization;

namespace ModelPort.Build.Tests;

/// <summary>Builds with the real worker that are killed at random moments.</summary>
public sealed class KillTests(PackedRepository repository)
{
    private const int Kills = 6;

    [Fact]
    public void A_build_killed_at_any_moment_ends_right_the_next_time_and_leaves_nothing_behind()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are sent by kill.");
        TestProject project = repository.Project(
            $"""<ModelPort Include="{PackedRepository.SampleCheckpoint}" Name="model" Precision="Q8_0" />""",
            "<ModelPortEvaluationTokens>512</ModelPortEvaluationTokens><ModelPortThreads>1</ModelPortThreads><ModelPortCacheDirectory>none</ModelPortCacheDirectory>" + TestProject.NoCompiler,
            realWorker: true);
        Stopwatch whole = Stopwatch.StartNew();
        project.Build().Succeeded();
        whole.Stop();
        string models = Path.Combine(project.Bin, "models");
        string[] ported = TestProject.FilesIn(project.Obj);
        string[] placed = TestProject.FilesIn(models);
        byte[] expected = File.ReadAllBytes(Path.Combine(models, "model", "model-Q8_0.gguf"));

        Random random = new(5);
        for (int kill = 0; kill < Kills; kill++)
        {
            Forget(project);
            using Process build = project.StartBuild();
            if (!build.WaitForExit(whole.Elapsed * (0.2 + (0.8 * random.NextDouble()))))
            {
                // Every third time the worker alone is killed.
                string pid = build.Id.ToString(CultureInfo.InvariantCulture);
                using Process killer = kill % 3 == 2 ? Process.Start("pkill", ["-KILL", "-P", pid]) : Process.Start("kill", ["-KILL", pid]);
                killer.WaitForExit();
            }

            Assert.True(build.WaitForExit(TimeSpan.FromMinutes(3)));
        }

        project.Build().Succeeded();
        Assert.Equal(expected, File.ReadAllBytes(Path.Combine(models, "model", "model-Q8_0.gguf")));
        Assert.Equal(ported, TestProject.FilesIn(project.Obj));
        Assert.Equal(placed, TestProject.FilesIn(models));
        Assert.Equal(0, project.Build().Succeeded().Workers);
    }

    // Leaves all that a killed build may have left, but nothing that spares work.
    private static void Forget(TestProject project)
    {
        foreach (string pattern in new[] { "*.stamp", "*.gguf", "*.json" })
        {
            foreach (string file in Directory.GetFiles(Path.Combine(project.Obj, "model"), pattern))
            {
                File.Delete(file);
            }
        }
    }
}
