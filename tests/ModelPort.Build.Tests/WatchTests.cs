using System.Diagnostics;

namespace ModelPort.Build.Tests;

public sealed class WatchTests(PackedRepository repository)
{
    [Fact]
    public void Watch_builds_again_when_a_file_of_the_checkpoint_changes_and_not_before()
    {
        TestProject project = repository.Project("""<ModelPort Include="../checkpoint" />""", TestProject.NoCompiler);
        using Process watch = project.Start("watch", "build", "--no-restore", "-tl:off", "-v:m", "-nologo");
        try
        {
            List<string> said = Listen(watch);
            Wait(() => project.Ports.Length == 1 && Waits(said) == 1, said);

            // What a build writes into obj and bin must not start the next one.
            Thread.Sleep(2000);
            Assert.Equal(1, Waits(said));
            File.WriteAllText(Path.Combine(project.Checkpoint, "config.json"), "{}");
            Wait(() => project.Ports.Length == 2 && Waits(said) == 2, said);
        }
        finally
        {
            watch.Kill(entireProcessTree: true);
            watch.WaitForExit();
        }
    }

    private static List<string> Listen(Process process)
    {
        List<string> said = [];
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return said;

        void Add(string? line)
        {
            lock (said)
            {
                said.Add(line ?? "");
            }
        }
    }

    private static int Waits(List<string> said)
    {
        lock (said)
        {
            return said.Count(line => line.Contains("Waiting for a file to change", StringComparison.Ordinal));
        }
    }

    private static void Wait(Func<bool> condition, List<string> said)
    {
        if (!SpinWait.SpinUntil(condition, TimeSpan.FromMinutes(2)))
        {
            lock (said)
            {
                Assert.Fail(string.Join('\n', said));
            }
        }
    }
}
