namespace ModelPort.Parity.Behaviour;

/// <summary>How a port behaves, against its source.</summary>
/// <param name="Findings">What the checks of template, special tokens, BOS and stop tokens found.</param>
/// <param name="Continuations">How it continues prompts; null when none were asked for.</param>
public sealed record BehaviourRecord(IReadOnlyList<BehaviourFinding> Findings, Continuations? Continuations)
{
    /// <summary>The findings that are a reason to refuse the port.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IEnumerable<BehaviourFinding> Failures => Findings.Where(f => f.Level == FindingLevel.Failure);
}
