using System.Globalization;
using System.Text.RegularExpressions;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Behaviour;

/// <summary>
/// Whether each special token that a chat template names, by its text or as <c>bos_token</c> and the like, is one token in the port, and the same one. A token
/// that the port spells in several pieces is text to the model, and the conversation has no turns.
/// </summary>
internal static partial class SpecialTokenCheck
{
    private const string Check = "specialTokens";
    private const string Code = "MP3021";

    /// <summary>Makes the check.</summary>
    public static BehaviourFinding Make(SourceBehaviour source, LlamaVocabulary vocabulary)
    {
        var named = Named(source).ToArray();
        foreach (var (text, id) in named)
        {
            var tokens = vocabulary.Tokenize(text, addSpecial: false, parseSpecial: true);
            if (tokens is not [var only] || only != id)
            {
                return BehaviourFinding.Of(Check, Diagnose.SpecialTokenSplit("", text, $"[{string.Join(", ", tokens)}]", string.Create(CultureInfo.InvariantCulture, $"[{id}]")));
            }
        }

        return BehaviourFinding.Pass(Check, Code, named.Length == 0
            ? "No chat template names a special token."
            : $"Each special token that a chat template names is one token: {string.Join(" ", named.Select(n => n.Text))}.");
    }

    /// <summary>The special tokens that the templates name, by text.</summary>
    public static IEnumerable<(string Text, int Id)> Named(SourceBehaviour source)
    {
        var roles = source.Templates.SelectMany(t => RoleVariable().Matches(t.Text)).Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var ids = source.Roles.Where(r => roles.Contains(r.Key)).Select(r => r.Value).ToHashSet();
        return source.Steering
            .Where(s => !string.IsNullOrWhiteSpace(s.Text))
            .Where(s => ids.Contains(s.Id) || source.Templates.Any(t => t.Text.Contains(s.Text, StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"\b(bos|eos|unk|sep|pad|cls|mask)_token\b")]
    private static partial Regex RoleVariable();
}
