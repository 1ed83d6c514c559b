using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

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

    [Fact]
    public async Task A_killed_port_goes_on_from_what_it_wrote()
    {
        string[] port = ["port", Repository.Sample, "--precision", "Q8_0;IQ4_NL", "--parity", "off", "--threads", "1", "--output"];
        using (var tool = ToolProcess.Start([.. port, Output]))
        {
            await tool.Writing(Path.Combine(Output, "wordnet-llama-IQ4_NL.gguf"), marks: 1);
            tool.Kill();
            await tool.End();
        }

        Assert.Contains("wordnet-llama-IQ4_NL.gguf.journal.modelport-tmp", Files());
        var next = await ToolProcess.Run("worker", WriteRequest("Q8_0;IQ4_NL"));
        Assert.Equal(0, next.ExitCode);
        Assert.Contains("Going on with a port that was broken off", next.Output, StringComparison.Ordinal);
        var whole = await ToolProcess.Run([.. port, _folder["whole"]]);
        Assert.Equal(0, whole.ExitCode);
        AssertSamePorts("whole");
    }

    [Fact]
    public async Task A_port_that_is_killed_again_and_again_ends_whole()
    {
        string[] port = ["port", Repository.Sample, "--precision", "Q8_0;IQ4_NL", "--parity", "off", "--threads", "2", "--output"];
        var start = Stopwatch.GetTimestamp();
        Assert.Equal(0, (await ToolProcess.Run([.. port, _folder["whole"]])).ExitCode);
        var time = Stopwatch.GetElapsedTime(start);
        var random = new Random(5);
        for (var kill = 0; kill < 5; kill++)
        {
            using var tool = ToolProcess.Start([.. port, Output]);
            await Task.Delay(time * random.NextDouble(), TestContext.Current.CancellationToken);
            tool.Kill();
            await tool.End();
        }

        Assert.Equal(0, (await ToolProcess.Run([.. port, Output])).ExitCode);
        AssertSamePorts("whole");
    }

    [Fact]
    public async Task A_measurement_that_is_killed_ends_with_the_same_numbers()
    {
        string[] port = ["port", Repository.Sample, "--precision", "Q8_0", "--evaluation-tokens", "12288", "--continuations", "0", "--threads", "1", "--output"];
        Assert.Equal(0, (await ToolProcess.Run([.. port, _folder["whole"]])).ExitCode);
        foreach (var log in new[] { "*-source-logits.safetensors.journal.modelport-tmp", "*.positions.journal.modelport-tmp" })
        {
            using var tool = ToolProcess.Start([.. port, Output]);
            // Longer than its first line: a part of the windows is done.
            await tool.Until(() => Directory.Exists(Output) && new DirectoryInfo(Output).GetFiles(log).Any(f => f.Length > 100));
            tool.Kill();
            await tool.End();
        }

        Assert.Equal(0, (await ToolProcess.Run([.. port, Output])).ExitCode);
        Assert.Equal(Numbers(_folder["whole"]), Numbers(Output));
        Assert.Equal([".modelport.lock", "modelport.json", "parity.html", "parity.json", "wordnet-llama-Q8_0.gguf"], Files());
    }

    // All but those of speed.
    private static string[] Numbers(string folder) =>
        [.. JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "modelport.json")))!["outputs"]![0]!["metrics"]!.AsArray().Select(m => m!.ToJsonString()).Where(m => !m.Contains("PerSecond", StringComparison.Ordinal))];

    private void AssertSamePorts(string folder)
    {
        Assert.Equal([".modelport.lock", "modelport.json", "wordnet-llama-IQ4_NL.gguf", "wordnet-llama-Q8_0.gguf"], Files());
        foreach (var name in new[] { "wordnet-llama-IQ4_NL.gguf", "wordnet-llama-Q8_0.gguf" })
        {
            Assert.True(File.ReadAllBytes(Path.Combine(_folder[folder], name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(Output, name))), name);
        }
    }

    private string WriteRequest(string precision)
    {
        File.WriteAllText(_folder["request.json"], new JsonObject
        {
            ["protocol"] = 1,
            ["source"] = Repository.Sample,
            ["outputDirectory"] = Output,
            ["metadata"] = new JsonObject { ["Precision"] = precision },
            ["properties"] = new JsonObject { ["Threads"] = "1", ["Parity"] = "off" },
        }.ToJsonString());
        return _folder["request.json"];
    }

    private IEnumerable<string?> Files() => Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
