using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Tokenizers;

/// <summary>How far the tokenizer of a port, run by llama.cpp, splits text as the tokenizer of its source does.</summary>
public sealed record TokenizerComparison
{
    /// <summary>The file of the source that says how it splits text: tokenizer.json, or tokenizer.model where there is no other.</summary>
    public required string Source { get; init; }

    /// <summary>Why nothing was compared; null when it was.</summary>
    public string? NotChecked { get; init; }

    /// <summary>Texts that were compared, each with the tokens that are put around it. Those of <see cref="Explained"/> are not among them.</summary>
    public int Texts { get; init; }

    /// <summary>How many of them have the same ids in both.</summary>
    public int Equal { get; init; }

    /// <summary>Share of equal texts, in percent, when the port gets each text in the normal form of Unicode that the source brings it into. Null when nothing was compared.</summary>
    public double? Agreement { get; init; }

    /// <summary>The same share when the port gets the texts as they are written: llama.cpp knows no normal forms. Null when the source has none either.</summary>
    public double? AgreementAsWritten { get; init; }

    /// <summary>The shares of the classes of texts.</summary>
    public IReadOnlyList<ClassAgreement> Classes { get; init; } = [];

    /// <summary>Differences that llama.cpp makes with every port of this source, and that are not counted.</summary>
    public IReadOnlyList<ExplainedDifference> Explained { get; init; } = [];

    /// <summary>The tokens that begin and end a text.</summary>
    public IReadOnlyList<RoleComparison> Roles { get; init; } = [];

    /// <summary>The first difference of each class that has one.</summary>
    public IReadOnlyList<TokenDifference> Differences { get; init; } = [];

    /// <summary>How many texts are split in different ways, and the first of them; null when there is none.</summary>
    public string? Describe() => Differences is [var first, ..]
        ? string.Create(CultureInfo.InvariantCulture, $"{Texts - Equal} of {Texts} texts are not split as by {Source}, first {first}")
        : null;

    /// <summary>What the user has to know.</summary>
    /// <param name="source">The checkpoint's folder.</param>
    /// <param name="port">The port.</param>
    public IEnumerable<Diagnostic> Warnings(string source, string port) =>
        NotChecked is { } reason ? [Diagnose.TokenizerNotChecked(Path.Combine(source, Source), reason)]
        : Describe() is { } difference ? [Diagnose.TokenizerDiffers(port, difference)]
        : [];
}

/// <summary>The share of equal texts in a class.</summary>
/// <param name="Class">The class.</param>
/// <param name="Texts">Its texts.</param>
/// <param name="Equal">How many have the same ids.</param>
public sealed record ClassAgreement(string Class, int Texts, int Equal);

/// <summary>A difference that is known to come from llama.cpp itself.</summary>
/// <param name="Reason">Why it differs.</param>
/// <param name="Texts">How many texts.</param>
/// <param name="First">The first of them.</param>
public sealed record ExplainedDifference(string Reason, int Texts, string First);

/// <summary>A token with a task, in source and port.</summary>
/// <param name="Role">bos or eos.</param>
/// <param name="Source">Its id in the source.</param>
/// <param name="Port">Its id in the port; null when it has none.</param>
public sealed record RoleComparison(string Role, int Source, int? Port)
{
    /// <summary>Whether both are the same.</summary>
    [JsonIgnore]
    public bool IsEqual => Source == Port;
}

/// <summary>A text that source and port split in different ways, around the first token that differs.</summary>
/// <param name="Class">The class of the text.</param>
/// <param name="Text">The text; cut when it is long.</param>
/// <param name="At">The index of the first token that differs.</param>
/// <param name="From">The index of the first token shown.</param>
/// <param name="Expected">The source's tokens from there.</param>
/// <param name="Found">The port's tokens from there.</param>
public sealed record TokenDifference(string Class, string Text, int At, int From, IReadOnlyList<SpelledToken> Expected, IReadOnlyList<SpelledToken> Found)
{
    private const int Named = 4;

    /// <inheritdoc/>
    public override string ToString() =>
        $"\"{JsonEncodedText.Encode(Text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\" ({Class}): from token {At.ToString(CultureInfo.InvariantCulture)} on it is {Name(Found)} instead of {Name(Expected)}";

    private string Name(IReadOnlyList<SpelledToken> tokens) => At - From >= tokens.Count
        ? "nothing"
        : string.Join(' ', tokens.Skip(At - From).Take(Named).Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Id} '{t.Piece}'")));
}

/// <summary>A token as its file spells it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Piece">Its spelling.</param>
public sealed record SpelledToken(int Id, string Piece);
