using System.Diagnostics;
using System.Text.Json.Nodes;

namespace ModelPort.Tool.Tests;

/// <summary>Latency, speed, memory and load time, each model in a process of its own.</summary>
public sealed class ServingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serving_is_measured_when_it_is_asked_for_judged_and_not_measured_again()
    {
        string[] port = ["port", Repository.Sample, "--precision", "Q8_0", "--output", _folder.Path, "--evaluation-tokens", "512", "--evaluation-window", "256", "--continuations", "0", "--threads", "1"];
        var plain = await ToolProcess.Run(port);
        Assert.Equal(0, plain.ExitCode);
        Assert.Null(Output()["serving"]);
        Assert.DoesNotContain(Output()["metrics"]!.AsArray(), m => m!["name"]!.GetValue<string>() == "peakMemory");

        // What a budget limits is measured; the file is 4 MB.
        var limited = await ToolProcess.Run([.. port, "--hourly-cost", "0.5", "--budget", "MaxPeakMemory=1", "--budget", "MaxP95Latency=60000", "--budget", "MinTokensPerSecond=0.01", "--budget", "MaxCostPerMillionTokens=1000000"]);
        Assert.Equal(3, limited.ExitCode);
        Assert.Contains("error MP3001: ", limited.Errors, StringComparison.Ordinal);
        Assert.Contains("misses MaxPeakMemory", limited.Errors, StringComparison.Ordinal);
        var serving = Output()["serving"]!;
        Assert.Equal((10, 200, 128), (Number(serving, "rounds"), Number(serving, "tokens"), Number(serving, "promptTokens")));
        Assert.Equal(1, Number(serving["hardware"]!, "threads"));
        Assert.NotEqual("", serving["hardware"]!["processor"]!.GetValue<string>());
        Assert.Equal(5, serving["ratios"]!.AsArray().Count);
        foreach (var name in new[] { "timeToFirstToken", "tokenLatencyP50", "tokenLatencyP95", "tokenLatencyP99", "promptTokensPerSecond", "generationTokensPerSecond", "loadTime", "costPerMillionTokens" })
        {
            Assert.All(new[] { "source", "port" }, of => Assert.InRange(Metric(name, of), 1e-6, 1e9));
        }

        Assert.True(Metric("tokenLatencyP50", "port") <= Metric("tokenLatencyP95", "port"));
        Assert.InRange(Metric("peakMemory", "port"), 3.9, 500);
        Assert.Equal(0.5 * 1e6 / 3600 / Metric("generationTokensPerSecond", "port"), Metric("costPerMillionTokens", "port"), 1e-9);

        var again = await ToolProcess.Run([.. port, "--serving", "--hourly-cost", "1"]);
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("nothing to do", again.Output, StringComparison.Ordinal);
        Assert.Equal(1e6 / 3600 / Metric("generationTokensPerSecond", "port"), Metric("costPerMillionTokens", "port"), 1e-9);
    }

    [Fact]
    public async Task The_process_of_a_model_ends_when_nobody_calls_it_any_more()
    {
        using var host = new Process { StartInfo = new ProcessStartInfo("dotnet", [ToolProcess.Program, "serving"]) { RedirectStandardInput = true, RedirectStandardOutput = true } };
        host.Start();
        await host.StandardInput.WriteLineAsync("""{"Action": "Start", "Request": {"Model": "none.gguf", "Threads": 1, "Text": "a", "PromptTokens": 4, "Tokens": 1}}""");
        Assert.Contains("null", await host.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        host.StandardInput.Close();
        await host.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(0, host.ExitCode);
    }

    private static int Number(JsonNode node, string name) => node[name]!.GetValue<int>();

    private double Metric(string name, string of) =>
        Output()["metrics"]!.AsArray().Single(m => m!["name"]!.GetValue<string>() == name && m["of"]!.GetValue<string>() == of)!["value"]!.GetValue<double>();

    private JsonNode Output() => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Path, "modelport.json")))!["outputs"]![0]!;
}
