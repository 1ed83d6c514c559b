using ModelPort.Engines.LlamaCpp;

/// <summary>
/// Asks the model what kind of thing a noun is. The model was trained on lines of a dictionary, <c>falcon (noun): diurnal birds of prey</c>, so it is asked how probable the openings of each domain's
/// glosses are after <c>falcon (noun):</c>, and how much more so than without the noun. What a domain gains on average is its score.
/// </summary>
internal sealed class DomainModel : IDisposable
{
    private readonly LlamaModel _model;
    private readonly LlamaContext _context;
    private readonly LlamaBatch _batch;
    private readonly int[][] _openings;
    private readonly double[] _withoutNoun;

    /// <summary>Loads a ported model.</summary>
    /// <param name="path">Its GGUF file.</param>
    public DomainModel(string path)
    {
        _model = LlamaModel.Load(LlamaRuntime.Load(), path);
        _openings = [.. NounDomain.All.SelectMany(domain => domain.Openings).Select(opening => _model.Vocabulary.Tokenize(" " + opening, addSpecial: false, parseSpecial: false))];

        // All openings continue one prompt, which is evaluated once; each is a sequence of its own.
        LlamaContextOptions options = new() { ContextLength = 2048, Sequences = _openings.Length, Shared = true, Threads = Math.Min(2, Environment.ProcessorCount) };
        _context = new LlamaContext(_model, options);
        _batch = new LlamaBatch(_context.BatchSize);
        _withoutNoun = LogProbabilities(" (noun):");
    }

    /// <summary>The domains with their scores in nats, the best first.</summary>
    public (string Domain, double Score)[] Ask(string noun)
    {
        double[] gains = [.. LogProbabilities($"{noun} (noun):").Zip(_withoutNoun, (with, without) => with - without)];
        int first = 0;
        return [.. NounDomain.All.Select(domain => (domain.Name, gains.AsSpan(first, domain.Openings.Length).ToArray().Average(), first += domain.Openings.Length)).Select(s => (s.Name, s.Item2)).OrderByDescending(s => s.Item2)];
    }

    public void Dispose()
    {
        _batch.Dispose();
        _context.Dispose();
        _model.Dispose();
    }

    // ln of the probability of each opening after the prompt.
    private double[] LogProbabilities(string prompt)
    {
        int[] tokens = _model.Vocabulary.Tokenize(prompt, addSpecial: true, parseSpecial: false);
        List<(int Row, int Opening, int Next)> wanted = [];
        _context.Clear();
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++)
        {
            bool isLast = i == tokens.Length - 1;
            int row = _batch.AddShared(tokens[i], i, 0, _openings.Length, isLast);
            wanted.AddRange(isLast ? _openings.Select((opening, index) => (row, index, opening[0])) : []);
        }

        for (int index = 0; index < _openings.Length; index++)
        {
            int[] opening = _openings[index];
            for (int i = 0; i < opening.Length - 1; i++)
            {
                wanted.Add((_batch.Add(opening[i], tokens.Length + i, index, true), index, opening[i + 1]));
            }
        }

        _context.Decode(_batch);
        double[] sums = new double[_openings.Length];
        foreach (IGrouping<int, (int Row, int Opening, int Next)> row in wanted.GroupBy(w => w.Row))
        {
            ReadOnlySpan<float> logits = _context.Logits(row.Key);
            double norm = Norm(logits);
            foreach ((_, int opening, int next) in row)
            {
                sums[opening] += logits[next] - norm;
            }
        }

        return sums;
    }

    private static double Norm(ReadOnlySpan<float> logits)
    {
        double max = float.NegativeInfinity;
        foreach (float logit in logits)
        {
            max = Math.Max(max, logit);
        }

        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - max);
        }

        return max + Math.Log(sum);
    }
}
