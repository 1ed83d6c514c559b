using ModelPort.Checkpoints;
using ModelPort.Parity.Behaviour;
using ModelPort.Tokenizers;

namespace ModelPort.Parity.Tokenizers;

/// <summary>How the source splits the texts that ports are compared on.</summary>
public sealed class TokenizerReference
{
    // As many as there are hard texts: more of plain prose would only hide what happens to those.
    private const int EvaluationTexts = 250;
    private const int EvaluationLength = 200;
    private const int MostAddedTokens = 64;

    private TokenizerReference(string source, string? notChecked)
    {
        Source = source;
        NotChecked = notChecked;
    }

    /// <summary>The name of the file that says how the source splits text.</summary>
    public string Source { get; }

    /// <summary>Why nothing can be compared, or null.</summary>
    public string? NotChecked { get; }

    /// <summary>The source's tokenizer; null when nothing can be compared.</summary>
    public ISourceTokenizer? Tokenizer { get; private init; }

    /// <summary>The texts, each with the ids that the source gives to it, those of the tokens around it among them.</summary>
    public IReadOnlyList<(ClassedText Text, int[] Ids)> Texts { get; private init; } = [];

    /// <summary>The ids of the source's bos and eos, where its files name them.</summary>
    public IReadOnlyDictionary<string, int> Roles { get; private init; } = new Dictionary<string, int>();

    /// <summary>Splits the built-in hard texts, the source's added tokens in several neighbourhoods, and stretches of the evaluation text.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="vocabularySize">Rows of the embedding.</param>
    /// <param name="evaluation">The evaluation text.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static TokenizerReference Of(Checkpoint checkpoint, int vocabularySize, string evaluation, CancellationToken cancellation)
    {
        var files = checkpoint.Tokenizer;
        var name = files.Json is null ? "tokenizer.model" : "tokenizer.json";
        try
        {
            var behaviour = SourceBehaviour.Read(checkpoint, vocabularySize);
            ISourceTokenizer tokenizer = files.Json is { } json
                ? new HuggingFaceTokenizer(json)
                : new SentencePieceTokenizer(files.SentencePiece!, Framing(behaviour, behaviour.AddsBos, "bos"), Framing(behaviour, behaviour.AddsEos, "eos"));
            IEnumerable<string> added = tokenizer.ReadsAddedTokens ? files.Json!.AddedTokens.Select(a => a.Content).Where(c => c.Length > 0).Distinct().Take(MostAddedTokens) : [];
            ClassedText[] texts =
            [
                .. HardTexts.All,
                .. added.SelectMany(t => (string[])[t, $"a{t}b", $" {t} ", $"{t}{t}", $"Hello{t}\nworld", $"{t} hello"]).Select(t => new ClassedText("added", t)),
                .. Stretches(evaluation).Select(t => new ClassedText("evaluation", t)),
            ];
            var before = Framed(tokenizer.Before, files.Config?.AddToken("bos"), behaviour, "bos");
            int[] after = [.. Framed([.. tokenizer.After.Reverse()], files.Config?.AddToken("eos"), behaviour, "eos").Reverse()];
            var split = new List<(ClassedText, int[])>(texts.Length);
            foreach (var text in texts)
            {
                cancellation.ThrowIfCancellationRequested();
                split.Add((text, [.. before, .. tokenizer.Encode(text.Text, addSpecial: false), .. after]));
            }

            return new TokenizerReference(name, null)
            {
                Tokenizer = tokenizer,
                Texts = split,
                Roles = behaviour.Roles.Where(r => r.Key is "bos" or "eos").ToDictionary(r => r.Key, r => r.Value, StringComparer.Ordinal),
            };
        }
        catch (TokenizerUncheckedException e)
        {
            return new TokenizerReference(name, $"{e.Component}: {e.Reason}");
        }
    }

    /// <summary>Whole lines of a text in stretches of a few sentences, at even distances.</summary>
    private static IEnumerable<string> Stretches(string text)
    {
        var stretches = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOf('\n', Math.Min(start + EvaluationLength, text.Length - 1)) is var found and >= 0 ? found + 1 : text.Length;
            end = Math.Min(end, start + 4 * EvaluationLength);
            stretches.Add(text[start..end]);
            start = end;
        }

        var count = Math.Min(EvaluationTexts, stretches.Count);
        return Enumerable.Range(0, count).Select(i => stretches[(int)((long)i * stretches.Count / count)]);
    }

    /// <summary>The tokens on one side of a text, the outermost first: what tokenizer_config.json says outright counts more than the template.</summary>
    private static int[] Framed(IReadOnlyList<int> template, bool? adds, SourceBehaviour behaviour, string role) =>
        adds is null || !behaviour.Roles.TryGetValue(role, out var id) || adds == template.Contains(id) ? [.. template]
        : adds.Value ? [id, .. template]
        : [.. template.Where(t => t != id)];

    private static IEnumerable<int> Framing(SourceBehaviour behaviour, bool adds, string role) =>
        adds && behaviour.Roles.TryGetValue(role, out var id) ? [id] : [];
}
