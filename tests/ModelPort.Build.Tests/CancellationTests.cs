using System.Diagnostics;
using System.Globalization;

namespace ModelPort.Build.Tests;

public sealed class CancellationTests(PackedRepository repository)
{
    [Theory]
    [InlineData("-INT")]
    [InlineData("-KILL")]
    public void An_interrupted_build_leaves_no_worker_and_nothing_that_passes_for_a_port(string signal)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are sent by kill.");
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" Behaviour="hang" />""", TestProject.NoCompiler);
        using (Process build = project.StartBuild())
        {
            string pidFile = Path.Combine(project.Checkpoint, "..", "worker.pid");
            Assert.True(SpinWait.SpinUntil(() => File.Exists(pidFile) && new FileInfo(pidFile).Length > 0, TimeSpan.FromMinutes(3)));
            using Process worker = Process.GetProcessById(int.Parse(File.ReadAllText(pidFile), CultureInfo.InvariantCulture));
            using (Process kill = Process.Start("kill", [signal, build.Id.ToString(CultureInfo.InvariantCulture)]))
            {
                kill.WaitForExit();
            }

            Assert.True(build.WaitForExit(TimeSpan.FromMinutes(3)));
            Assert.NotEqual(0, build.ExitCode);
            Assert.True(worker.WaitForExit(TimeSpan.FromMinutes(3)));
        }

        Assert.Empty(Directory.GetFiles(project.Obj, "*.stamp", SearchOption.AllDirectories));
        Assert.False(Directory.Exists(Path.Combine(project.Bin, "models")));

        project.SetItems("""<ModelPort Include="../checkpoint" />""");
        Assert.Equal(1, project.Build().Succeeded().Workers);
        Assert.True(File.Exists(Path.Combine(project.Bin, "models", "checkpoint", "checkpoint.gguf")));
        project.Run("clean").Succeeded();
        Assert.False(Directory.Exists(project.Obj));
    }
}
