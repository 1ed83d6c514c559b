namespace ModelPort.Packages;

/// <summary>How a release differs from the one before in one respect.</summary>
public enum ChangeKind
{
    /// <summary>Nothing that matters.</summary>
    None,

    /// <summary>Different, and neither better nor worse.</summary>
    Different,

    /// <summary>Better by more than the errors of both numbers.</summary>
    Better,

    /// <summary>Worse by more than the errors of both numbers.</summary>
    Worse,

    /// <summary>Applications that use the model may have to change: another tokenizer, chat template, architecture or context, or a model or precision that is gone.</summary>
    Breaking,

    /// <summary>Numbers of different data, or of which one is missing: they cannot be compared.</summary>
    Incomparable,
}

/// <summary>One respect in which two releases are compared.</summary>
/// <param name="Model">The model, and the precision where it is about one.</param>
/// <param name="What">What is compared: a name of a metric, or of a part of the model.</param>
/// <param name="Old">The value before; empty for none.</param>
/// <param name="New">The value now; empty for none.</param>
/// <param name="Kind">How they differ.</param>
public sealed record ComparedLine(string Model, string What, string Old, string New, ChangeKind Kind);

/// <summary>Two releases of models, compared.</summary>
/// <param name="Old">What the release before is called.</param>
/// <param name="New">What the release now is called.</param>
/// <param name="Lines">Everything that was compared, also what did not change.</param>
public sealed record ComparedReleases(string Old, string New, IReadOnlyList<ComparedLine> Lines)
{
    /// <summary>Whether anything is worse, breaks applications, or cannot be said.</summary>
    public bool IsWorse => Lines.Any(l => l.Kind is ChangeKind.Worse or ChangeKind.Breaking);

    /// <summary>What the version has to say, by Semantic Versioning: a change that breaks is a major one, anything else that differs a minor one.</summary>
    public string VersionPart => Lines.Any(l => l.Kind == ChangeKind.Breaking) ? "major" : Lines.Any(l => l.Kind is ChangeKind.Better or ChangeKind.Worse or ChangeKind.Different) ? "minor" : "patch";
}
