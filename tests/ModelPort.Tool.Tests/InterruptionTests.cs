using System.Diagnostics;
using System.Globalization;

namespace ModelPort.Tool.Tests;

/// <summary>A port that is stopped in the middle leaves nothing that could be taken for a port.</summary>
public sealed class InterruptionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["out"];

    // One thread and the whole text: long enough to be stopped in the middle.
    private string[] LongPort => ["port", Repository.Sample, "--precision", "F32;Q4_K_M", "--output", Output, "--threads", "1", "--evaluation-tokens", "1000000"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_the_port_and_its_temporary_files(string signal)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are sent with Linux' own commands.");
        using var tool = ToolProcess.StartWithDefault(signal, LongPort);
        await tool.Porting(Output);
        using (var kill = Process.Start("kill", [$"-{signal}", tool.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var result = await tool.End();
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("error MP2006", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".modelport.lock"], Files());
    }

    [Fact]
    public async Task A_killed_port_leaves_only_temporary_files_and_the_next_run_removes_them()
    {
        using (var tool = ToolProcess.Start(LongPort))
        {
            await tool.Porting(Output);
            tool.Kill();
            await tool.End();
        }

        Assert.All(Files(), file => Assert.True(file is ".modelport.lock" || file!.EndsWith(".modelport-tmp", StringComparison.Ordinal), file));
        Assert.Contains(Files(), file => file!.EndsWith(".modelport-tmp", StringComparison.Ordinal));

        var next = await ToolProcess.Run("port", Repository.Sample, "--precision", "Q8_0", "--output", Output, "--parity", "off");
        Assert.Equal(0, next.ExitCode);
        Assert.Equal([".modelport.lock", "modelport.json", "wordnet-llama-Q8_0.gguf"], Files());
    }

    private IEnumerable<string?> Files() => Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
