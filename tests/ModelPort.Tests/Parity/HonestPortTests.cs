using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>Ports as they are made keep every default gate.</summary>
public sealed class HonestPortTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("wordnet-llama-v1", 256)]
    [InlineData("wordnet-llama-v1", 128)]
    [InlineData("wordnet-llama-v1", 256, "TensorPrecision", "attn_v=F16")]
    [InlineData("llama3-rope", 256)]
    [InlineData("llama3-rope", 128, "OutputPrecision", "F16")]
    [InlineData("mistral-spm", 128)]
    [InlineData("qwen2", 256)]
    [InlineData("qwen3", 256)]
    [InlineData("mixtral-moe", 256)]
    [InlineData("mixtral-moe", 128, "EmbeddingPrecision", "BF16")]
    public void An_honest_port_at_Q8_0_keeps_every_default_gate(string model, int window, params string[] option)
    {
        var metadata = new Dictionary<string, string>
        {
            ["Precision"] = "Q8_0",
            ["Evaluation"] = Path.Combine(Repository.Root, "tests", "Fixtures", "texts", "held-out.txt"),
            ["EvaluationTokens"] = "1024",
            ["EvaluationWindow"] = window.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["Continuations"] = "0",
        };
        if (option is [var name, var value])
        {
            metadata[name] = value;
        }

        var request = PortRequest.Parse(Repository.Checkpoint(model), _folder.Path, metadata, new Dictionary<string, string> { ["Threads"] = "1" }, "");
        var outcome = PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken);
        Assert.Equal([], outcome.Missed);
        var output = Assert.Single(outcome.Manifest.Outputs);
        Assert.Equal(Verdict.Kept, output.Verdict);
        Assert.All(output.Budgets, b => Assert.True(b.IsDefault));
        Assert.Equal(4, output.Budgets.Count);
        Assert.Equal([], output.Attribution!.Header);
        Assert.Equal([], AttributionText.Of(output.Attribution));
    }
}
