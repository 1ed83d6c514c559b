using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Decoding;
using ModelPort.Tests.Tasks;

namespace ModelPort.Tests.Behaviour;

public sealed class ContinuationTests(SampleModel sample) : IClassFixture<SampleModel>
{
    private const int Tokens = 24;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void The_source_continues_as_itself()
    {
        var found = Assert.Single(Follow(Prompts(6), sample.Exact));
        Assert.Equal((6, 100.0, 0.0), (found.Prompts, found.Equal, found.MeanPrefixError));
        Assert.Equal(found.MeanPrefix, found.LeastPrefix);
        Assert.Equal([], found.Divergences);
    }

    [Fact]
    public void A_port_parts_where_its_own_continuation_does()
    {
        var prompts = Prompts(12);
        var source = GreedyDecoder.Continue(sample.Exact, prompts, Tokens, _ => false, 1, _ => { }, Token);
        var port = GreedyDecoder.Continue(sample.Quantised, prompts, Tokens, _ => false, 1, _ => { }, Token);
        int[] prefixes = [.. source.Zip(port, (s, p) => s.Zip(p).TakeWhile(t => t.First == t.Second).Count())];

        var found = Assert.Single(Follow(prompts, sample.Quantised));

        Assert.Equal(prefixes.Average(), found.MeanPrefix, 1e-9);
        Assert.Equal(prefixes.Min(), found.LeastPrefix);
        Assert.Equal(100.0 * source.Zip(port).Count(c => c.First.SequenceEqual(c.Second)) / 12, found.Equal, 1e-9);
        Assert.InRange(found.Divergences.Count, 1, 12);
        Assert.All(found.Divergences, d =>
        {
            Assert.Equal((prefixes[d.Prompt], source[d.Prompt][d.Prefix], port[d.Prompt][d.Prefix]), (d.Prefix, d.Source.Token, d.Port.Token));
            // Each ranks its own token first.
            Assert.InRange(d.Source.InSource, d.Port.InSource, 1);
            Assert.InRange(d.Port.InPort, d.Source.InPort, 1);
            Assert.Equal(sample.Exact.Vocabulary.Detokenize([d.Source.Token]), d.Source.Text);
            Assert.Equal(Probability(sample.Exact, [.. prompts[d.Prompt], .. source[d.Prompt][..d.Prefix]], d.Port.Token), d.Port.InSource, 0.01);
            Assert.Equal(Probability(sample.Quantised, [.. prompts[d.Prompt], .. source[d.Prompt][..d.Prefix]], d.Source.Token), d.Source.InPort, 0.01);
        });
    }

    [Fact]
    public void Several_ports_are_followed_as_each_alone()
    {
        var both = Follow(Prompts(5), sample.Exact, sample.Quantised);
        Assert.Empty(both[0].Divergences);
        Assert.Equal(Follow(Prompts(5), sample.Quantised)[0].Divergences, both[1].Divergences);
    }

    [Fact]
    public void Prompts_are_cut_at_even_distances_with_BOS_before_them()
    {
        int[] text = [.. Enumerable.Range(100, 400)];
        var prompts = ContinuationMeasurement.Cut(text, 7, 4);
        Assert.Equal([100, 228, 356, 484], prompts.Select(p => p[1]));
        Assert.All(prompts, p => Assert.Equal((7, ContinuationMeasurement.PromptLength + 1), (p[0], p.Length)));
        Assert.Equal(499, prompts[^1][^1]);
        Assert.Equal([100, 101], ContinuationMeasurement.Cut(text, null, 1)[0][..2]);
        Assert.Empty(ContinuationMeasurement.Cut(text, null, 0));
    }

    private IReadOnlyList<Continuations> Follow(IReadOnlyList<int[]> prompts, params LlamaModel[] ports)
    {
        var measurement = new ContinuationMeasurement(sample.Exact, prompts, Tokens, 1, Token);
        foreach (var port in ports)
        {
            measurement.Follow(port);
        }

        return measurement.Finish(() => LlamaModel.Load(LlamaRuntime.Load(), sample.Paths["F32"]));
    }

    private IReadOnlyList<int[]> Prompts(int count) =>
        ContinuationMeasurement.Cut(sample.Exact.Vocabulary.Tokenize(EvaluationText.Open(null).Text, addSpecial: false, parseSpecial: false), sample.Exact.Vocabulary.Bos, count);

    private static double Probability(LlamaModel model, int[] tokens, int next)
    {
        using var context = new LlamaContext(model, new LlamaContextOptions { ContextLength = 256, Threads = 1 });
        using var batch = new LlamaBatch(tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            batch.Add(tokens[i], i, 0, i == tokens.Length - 1);
        }

        context.Decode(batch, Token);
        double[] logits = [.. context.Logits(tokens.Length - 1).ToArray().Select(l => (double)l)];
        return Math.Exp(logits[next]) / logits.Sum(Math.Exp);
    }
}
