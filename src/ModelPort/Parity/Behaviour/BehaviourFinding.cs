using System.Text.Json.Serialization;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Behaviour;

/// <summary>How a check of behaviour ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FindingLevel>))]
public enum FindingLevel
{
    /// <summary>The port behaves as its source.</summary>
    [JsonStringEnumMemberName("pass")]
    Pass,

    /// <summary>The port behaves otherwise where an application can make up for it.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>The port behaves otherwise.</summary>
    [JsonStringEnumMemberName("failure")]
    Failure,
}

/// <summary>What a check of behaviour found.</summary>
/// <param name="Check">The check: <c>chatTemplate</c>, <c>specialTokens</c>, <c>bos</c> or <c>stopTokens</c>.</param>
/// <param name="Code">The code of the error or warning that the check can end in.</param>
/// <param name="Level">How it ended.</param>
/// <param name="Text">What was found.</param>
public sealed record BehaviourFinding(string Check, string Code, FindingLevel Level, string Text)
{
    /// <summary>A check that found nothing wrong.</summary>
    public static BehaviourFinding Pass(string check, string code, string text) => new(check, code, FindingLevel.Pass, text);

    /// <summary>A check that found an error or a warning.</summary>
    public static BehaviourFinding Of(string check, Diagnostic found) =>
        new(check, found.Code, found.Severity == DiagnosticSeverity.Error ? FindingLevel.Failure : FindingLevel.Warning, found.Message);

    /// <summary>The error or warning at a file; null for a check that found nothing wrong.</summary>
    public Diagnostic? ToDiagnostic(string file) =>
        Level == FindingLevel.Pass ? null : new Diagnostic(Code, Level == FindingLevel.Failure ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning, file, Text);
}
