using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tokenizers;

namespace ModelPort.Parity.Behaviour;

/// <summary>Whether each chat template's text is in the port, unchanged.</summary>
internal static class ChatTemplateCheck
{
    private const string Check = "chatTemplate";
    private const string Code = "MP3020";
    private const int Shown = 20;

    /// <summary>Makes the check: a finding for each template.</summary>
    public static IEnumerable<BehaviourFinding> Make(SourceBehaviour source, GgufMetadata metadata)
    {
        BehaviourFinding[] found = [.. source.Templates.Select(t => Compare(t, metadata))];
        if (source.Templates.All(t => t.Name != ChatTemplate.DefaultName) && metadata.TryGetString(TokenizerHeader.TemplateKey(ChatTemplate.DefaultName), out var alien))
        {
            return [.. found, Changed(ChatTemplate.DefaultName, $"a template of {Count(alien)}", "none, as in the source")];
        }

        return found.Length > 0 ? found : [BehaviourFinding.Pass(Check, Code, "The source has no chat template.")];
    }

    private static BehaviourFinding Compare(ChatTemplate template, GgufMetadata metadata)
    {
        if (!metadata.TryGetString(TokenizerHeader.TemplateKey(template.Name), out var text))
        {
            return Changed(template.Name, "none", $"the source's, {Count(template.Text)}");
        }

        var same = template.Text.AsSpan().CommonPrefixLength(text);
        return same == text.Length && same == template.Text.Length
            ? BehaviourFinding.Pass(Check, Code, $"The template '{template.Name}' has the source's text, {Count(text)}.")
            : Changed(
                template.Name,
                string.Create(CultureInfo.InvariantCulture, $"'{From(text, same)}' at character {same + 1}"),
                $"'{From(template.Text, same)}', as in the source");
    }

    private static string From(string text, int start) => text.Length - start <= Shown ? text[start..] : $"{text.AsSpan(start, Shown)}...";

    private static string Count(string text) => string.Create(CultureInfo.InvariantCulture, $"{text.Length} characters");

    private static BehaviourFinding Changed(string name, string found, string expected) =>
        BehaviourFinding.Of(Check, Diagnose.TemplateChanged("", name, found, expected));
}
