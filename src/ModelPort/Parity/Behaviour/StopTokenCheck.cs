using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Behaviour;

/// <summary>
/// Whether generation ends where the source's ends. llama.cpp ends at the tokens that the header names, and at those whose spelling it knows; it has no list,
/// so that a source with several ends may lose some of them.
/// </summary>
internal static class StopTokenCheck
{
    private const string Check = "stopTokens";
    private const string Code = "MP3023";

    /// <summary>Makes the check.</summary>
    public static IEnumerable<BehaviourFinding> Make(SourceBehaviour source, LlamaVocabulary vocabulary)
    {
        long[] missing = [.. source.Ends.Where(e => !vocabulary.IsEndOfGeneration((int)e))];
        if (source.Ends.Length == 0)
        {
            return [BehaviourFinding.Pass(Check, Code, "The source names no token that ends a generation.")];
        }

        if (vocabulary.Eos >= 0 && !source.AnyEnds.Contains(vocabulary.Eos))
        {
            return [Wrong($"its EOS is {Describe(vocabulary, vocabulary.Eos)}")];
        }

        if (missing.Length == source.Ends.Length)
        {
            return [Wrong("it ends at none of them")];
        }

        int[] more = [.. Enumerable.Range(0, vocabulary.Size).Where(t => vocabulary.IsEndOfGeneration(t) && !source.Ends.Contains(t))];
        var pass = BehaviourFinding.Pass(
            Check,
            Code,
            $"Generation ends at {Describe(vocabulary, [.. source.Ends.Except(missing).Select(e => (int)e)])}, as {source.EndsFile} says{(more.Length == 0 ? "" : $"; in llama.cpp also at {Describe(vocabulary, more)}")}.");
        return missing.Length == 0
            ? [pass]
            : [pass, BehaviourFinding.Of(Check, Diagnose.StopTokenMissing("", Describe(vocabulary, [.. missing.Select(e => (int)e)]), source.EndsFile))];

        BehaviourFinding Wrong(string found) =>
            BehaviourFinding.Of(Check, Diagnose.StopTokensWrong("", found, $"{Describe(vocabulary, [.. source.Ends.Select(e => (int)e)])}, as {source.EndsFile} says"));
    }

    private static string Describe(LlamaVocabulary vocabulary, params int[] tokens) =>
        string.Join(", ", tokens.Select(t => string.Create(CultureInfo.InvariantCulture, $"{vocabulary.TokenText(t)} ({t})")));
}
