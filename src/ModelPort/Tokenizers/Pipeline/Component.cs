using System.Text;
using System.Text.Json;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>A step of a tokenizer.json with its settings.</summary>
/// <param name="owner">The part of the file that it stands in.</param>
/// <param name="step">Its object.</param>
internal sealed class Component(string owner, JsonElement step)
{
    /// <summary>Its type; empty when it names none.</summary>
    public string Type { get; } = TokenizerStructure.TypeOf(step);

    /// <summary>The text that its pattern is, when it is a text and no regular expression.</summary>
    public string? Literal => Member("pattern") is { } pattern ? TokenizerStructure.Text(pattern, "String") : null;

    /// <summary>A truth value that must be there, or else has a default.</summary>
    public bool Flag(string name, bool? otherwise = null) => Member(name) switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        null or { ValueKind: JsonValueKind.Null } when otherwise is { } value => value,
        _ => throw Refuse($"'{name}' is not true or false"),
    };

    /// <summary>A text that must be there.</summary>
    public string Text(string name) => TokenizerStructure.Text(step, name) ?? throw Refuse($"'{name}' is no text");

    /// <summary>A text of one character that must be there.</summary>
    public Rune Character(string name)
    {
        var text = Text(name);
        return Rune.TryGetRuneAt(text.Length == 0 ? "\uD800" : text, 0, out var rune) && rune.Utf16SequenceLength == text.Length
            ? rune
            : throw Refuse($"'{name}' is not one character");
    }

    /// <summary>A whole number that must be there.</summary>
    public int Count(string name) =>
        Member(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var value) && value >= 0 ? value : throw Refuse($"'{name}' is no count");

    /// <summary>The array of a name, empty when there is none.</summary>
    public JsonElement[] Items(string name) => Member(name) is { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray()] : [];

    /// <summary>A member, or null.</summary>
    public JsonElement? Member(string name) => step.ValueKind == JsonValueKind.Object && step.TryGetProperty(name, out var value) ? value : null;

    /// <summary>"pattern": a text, or a regular expression.</summary>
    public ITextPattern Pattern()
    {
        try
        {
            return Literal is { } literal
                ? literal.Length > 0 ? new LiteralPattern(literal) : throw Refuse("its pattern is empty")
                : Member("pattern") is { } pattern && TokenizerStructure.Text(pattern, "Regex") is { } regex
                    ? new RegexPattern(regex)
                    : throw Refuse("it has no pattern");
        }
        catch (TokenizerUncheckedException e) when (e.Component != Name)
        {
            throw new TokenizerUncheckedException(Name, $"{e.Component}: {e.Reason}", e);
        }
    }

    /// <summary>"behavior".</summary>
    public SplitBehavior Behavior(SplitBehavior? otherwise) =>
        Member("behavior") is null && otherwise is { } value
            ? value
            : Enum.TryParse<SplitBehavior>(Text("behavior"), out var behavior) && behavior.ToString() == Text("behavior") ? behavior : throw Refuse($"the behavior '{Text("behavior")}' is unknown");

    /// <summary>"prepend_scheme", or its predecessor "add_prefix_space".</summary>
    public MetaspacePrefix MetaspacePrefix()
    {
        var scheme = Member("prepend_scheme") is null ? "always" : Text("prepend_scheme");
        var prefix = scheme switch
        {
            "always" => Pipeline.MetaspacePrefix.Always,
            "first" => Pipeline.MetaspacePrefix.First,
            "never" => Pipeline.MetaspacePrefix.Never,
            _ => throw Refuse($"the prepend_scheme '{scheme}' is unknown"),
        };
        return Flag("add_prefix_space", true) ? prefix
            : Member("prepend_scheme") is null || prefix == Pipeline.MetaspacePrefix.Never ? Pipeline.MetaspacePrefix.Never
            : throw Refuse("'add_prefix_space' and 'prepend_scheme' contradict each other");
    }

    /// <summary>The error that this kind of step is not known.</summary>
    public TokenizerUncheckedException Unknown() => Refuse("this kind of step is not reproduced");

    /// <summary>The error that this step is not reproduced.</summary>
    public TokenizerUncheckedException Refuse(string reason) => new(Name, reason);

    private string Name => Type.Length == 0 ? owner : $"{owner} {Type}";
}
