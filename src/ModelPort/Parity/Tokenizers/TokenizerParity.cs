using ModelPort.Engines;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Tokenizers;
using ModelPort.Tokenizers.Pipeline;

namespace ModelPort.Parity.Tokenizers;

/// <summary>Compares the tokenizer of a port with that of its source, text by text and id by id.</summary>
public static class TokenizerParity
{
    private const int ShownBefore = 4;
    private const int Shown = 16;
    private const int ShownText = 200;

    /// <summary>Compares.</summary>
    /// <param name="reference">How the source splits the texts.</param>
    /// <param name="port">The port's vocabulary, as llama.cpp has loaded it.</param>
    /// <param name="header">The header of the port's file.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static TokenizerComparison Measure(TokenizerReference reference, LlamaVocabulary port, GgufMetadata header, CancellationToken cancellation)
    {
        if (reference.Tokenizer is not { } source)
        {
            return new TokenizerComparison { Source = reference.Source, NotChecked = reference.NotChecked };
        }

        var marked = MarkedByEngine(port, header);
        var results = new List<Result>(reference.Texts.Count);
        foreach (var (text, ids) in reference.Texts)
        {
            cancellation.ThrowIfCancellationRequested();
            results.Add(Compare(source, port, marked, text, ids));
        }

        var counted = results.Where(r => r.Explanation is null).ToArray();
        return new TokenizerComparison
        {
            Source = reference.Source,
            Texts = counted.Length,
            Equal = counted.Count(r => r.IsEqual),
            Agreement = Share(counted, r => r.IsEqual),
            AgreementAsWritten = source.NormalForm is null ? null : Share(counted, r => r.IsEqualAsWritten),
            Classes = [.. counted.GroupBy(r => r.Text.Class).Select(g => new ClassAgreement(g.Key, g.Count(), g.Count(r => r.IsEqual)))],
            Explained = [.. results.Where(r => r.Explanation is not null).GroupBy(r => r.Explanation!).Select(g => new ExplainedDifference(g.Key, g.Count(), Cut(g.First().Text.Text)))],
            Roles = [.. reference.Roles.Select(r => new RoleComparison(r.Key, r.Value, (r.Key == "bos" ? port.Bos : port.Eos) is var id and >= 0 ? id : null))],
            Differences = [.. counted.Where(r => !r.IsEqual).GroupBy(r => r.Text.Class).Select(g => Show(source, port, g.First()))],
        };
    }

    private static Result Compare(ISourceTokenizer source, LlamaVocabulary port, List<string> marked, ClassedText text, int[] expected)
    {
        int[] Split(string t) => port.Tokenize(t, addSpecial: true, parseSpecial: source.ReadsAddedTokens);
        var written = SourceText.Whole(text.Text);
        var asWritten = TrySplit(Split, written);
        var isEqualAsWritten = asWritten.AsSpan().SequenceEqual(expected);
        var normalized = source.NormalForm is { } form && !isEqualAsWritten ? new Normalizer.Unicode(form).Apply(written, long.MaxValue) : written;
        var found = normalized == written ? asWritten : TrySplit(Split, normalized);
        var isEqual = found.AsSpan().SequenceEqual(expected);
        var explanation = isEqual || !source.ReadsAddedTokens || marked.FirstOrDefault(m => written.Contains(m, StringComparison.Ordinal)) is not { } token
            ? null
            : $"llama.cpp takes the ordinary token '{token}' for a control token, by its spelling";
        return new Result(text, expected, found, isEqual, isEqualAsWritten, explanation);
    }

    // A vocabulary that cannot spell a text at all certainly does not split it as the source does.
    private static int[] TrySplit(Func<string, int[]> split, string text)
    {
        try
        {
            return split(text);
        }
        catch (EngineException e) when (e.Fault == EngineFault.TokenizeFailed)
        {
            return [];
        }
    }

    /// <summary>The spellings of tokens that are ordinary in the file and control tokens once llama.cpp has loaded it.</summary>
    private static List<string> MarkedByEngine(LlamaVocabulary port, GgufMetadata header)
    {
        var marked = new List<string>();
        header.TryGetArray<int>("tokenizer.ggml.token_type", out var kinds);
        for (var id = 0; id < Math.Min(port.Size, kinds.Length); id++)
        {
            if (kinds[id] == (int)TokenKind.Normal && port.TokenAttributes(id).HasFlag(LlamaTokenAttributes.Control))
            {
                marked.Add(port.TokenText(id));
            }
        }

        return marked;
    }

    private static double Share(IReadOnlyCollection<Result> results, Func<Result, bool> isEqual) => 100.0 * results.Count(isEqual) / results.Count;

    private static TokenDifference Show(ISourceTokenizer source, LlamaVocabulary port, Result result)
    {
        var at = result.Expected.AsSpan().CommonPrefixLength(result.Found);
        var from = Math.Max(0, at - ShownBefore);
        return new TokenDifference(
            result.Text.Class,
            Cut(result.Text.Text),
            at,
            from,
            [.. result.Expected.Skip(from).Take(Shown).Select(id => new SpelledToken(id, source.Spell(id) ?? "?"))],
            [.. result.Found.Skip(from).Take(Shown).Select(id => new SpelledToken(id, port.TokenText(id)))]);
    }

    private static string Cut(string text) => text.Length <= ShownText ? text : SourceText.Whole(text[..ShownText]) + "...";

    private sealed record Result(ClassedText Text, int[] Expected, int[] Found, bool IsEqual, bool IsEqualAsWritten, string? Explanation);
}
