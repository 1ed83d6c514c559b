using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Behaviour;

/// <summary>Whether the port puts the same tokens around a text as the source's tokenizer: BOS once, or not at all, and no EOS that was not there.</summary>
internal static class BosCheck
{
    private const string Check = "bos";
    private const string Code = "MP3022";

    /// <summary>Makes the check.</summary>
    public static BehaviourFinding Make(SourceBehaviour source, LlamaVocabulary vocabulary)
    {
        var writes = TemplateWritesBos(source);
        var bare = vocabulary.Tokenize("a", addSpecial: false, parseSpecial: false);
        var framed = vocabulary.Tokenize("a", addSpecial: true, parseSpecial: false);
        var before = Enumerable.Range(0, framed.Length).Cast<int?>().FirstOrDefault(i => framed.AsSpan(i!.Value).StartsWith(bare)) ?? framed.Length;
        int[] added = framed[..before];
        int[] expected = !source.AddsBos ? [] : source.Roles.TryGetValue("bos", out var bos) ? [bos] : [vocabulary.Bos];
        if (!added.SequenceEqual(expected))
        {
            var doubled = added.Length > expected.Length && (expected.Length > 0 || writes);
            return BehaviourFinding.Of(Check, Diagnose.BosChanged(
                "",
                doubled ? "doubled" : added.Length < expected.Length ? "lost" : "another",
                $"before a text it puts {Describe(vocabulary, added)}{(doubled && expected.Length == 0 ? ", and the chat template writes BOS itself" : "")}",
                $"{Describe(vocabulary, expected)}, as the source's tokenizer"));
        }

        if (framed.Length - before - bare.Length > 0 && !source.AddsEos)
        {
            return BehaviourFinding.Of(Check, Diagnose.BosChanged("", "followed by EOS", $"after a text it puts {Describe(vocabulary, framed[(before + bare.Length)..])}", "nothing, as the source's tokenizer"));
        }

        return BehaviourFinding.Pass(Check, Code, (source.AddsBos, writes) switch
        {
            (true, true) => "BOS is put before a text, as in the source. The chat template writes it too: what it renders has to be tokenised without adding BOS, as with the source.",
            (true, false) => "BOS is put before a text, as in the source.",
            (false, true) => "The chat template writes BOS; nothing else does, as in the source.",
            (false, false) => "No BOS is put before a text, as in the source.",
        });
    }

    private static bool TemplateWritesBos(SourceBehaviour source) =>
        source.Templates.Any(t => t.Text.Contains("bos_token", StringComparison.Ordinal)
            || source.Steering.Any(s => source.Roles.GetValueOrDefault("bos", -1) == s.Id && t.Text.Contains(s.Text, StringComparison.Ordinal)));

    private static string Describe(LlamaVocabulary vocabulary, int[] tokens) => tokens.Length == 0
        ? "nothing"
        : string.Join(" and ", tokens.Select(t => string.Create(CultureInfo.InvariantCulture, $"{(t < vocabulary.Size ? vocabulary.TokenText(t) : "a token")} ({t})")));
}
