using System.Text.Json;
using ModelPort.Checkpoints;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>
/// Perplexity against what PyTorch computed in double precision from the same checkpoints: 64 windows of 256 tokens of held-out text, without overlap and
/// without BOS, all predictions of a window scored.
/// </summary>
public sealed class FrameworkPerplexityTests
{
    private const int Windows = 64;
    private const int Length = 256;

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    public void Perplexity_of_the_F32_port_is_PyTorchs_within_a_hundredth_of_a_percent(string name) => Assert.Equal(1, Perplexity(name) / Expected(name), 1e-4);

    [Fact]
    public void A_sliding_window_that_the_runtime_does_not_carry_shows_in_the_perplexity()
    {
        // Trained with a window of 128 tokens, which MP1024 warns of: the other half of 256 tokens is guessed.
        using var checkpoint = Checkpoint.Open(Repository.Fixture("mistral-spm"));
        Assert.Contains(Planner.Plan(checkpoint, Ports.Request(Repository.Fixture("mistral-spm"), "F32")).Warnings, w => w.Code == "MP1024" && w.Message.Contains("128", StringComparison.Ordinal));
        Assert.InRange(Perplexity("mistral-spm") / Expected("mistral-spm"), 1.2, 1.25);
    }

    private static double Perplexity(string name)
    {
        using var folder = new TemporaryFolder();
        using var model = new Evaluator(LlamaRuntime.Load(), Ports.Make(Repository.Checkpoint(name), "F32", folder.Path)["F32"], 1, PortRequest.DefaultMemoryBudget, TestContext.Current.CancellationToken);
        var text = File.ReadAllText(Path.Combine(Repository.Root, "tests", "Fixtures", "texts", "held-out.txt"));
        int[][] tokens = [.. model.Model.Vocabulary.Tokenize(text, addSpecial: false, parseSpecial: false).Chunk(Length).Take(Windows)];
        Assert.Equal((Windows, Length), (tokens.Length, tokens[^1].Length));

        var windows = new TokenWindows(tokens, firstScored: 0, rows: Length - 1);
        var losses = new double[windows.Count * windows.Rows];
        model.Run(
            windows,
            LlamaCacheType.F32,
            (window, row, logits) => losses[window * windows.Rows + row] = PositionStatistics.Compare(logits, logits, windows.Next(window, row)).Loss,
            _ => { },
            TestContext.Current.CancellationToken);

        return Math.Exp(losses.Average());
    }

    private static double Expected(string name)
    {
        using var reference = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Fixture(name), "reference", "reference.json")));
        return reference.RootElement.GetProperty("perplexity_eval_ctx256_64chunks").GetDouble();
    }
}
