using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity.Behaviour;

namespace ModelPort.Parity;

/// <summary>What the gate says: that it ran, against what, on which data, old, new, limit and verdict.</summary>
public static class Gate
{
    /// <summary>The line that is printed for every judged port.</summary>
    public static string Line(Manifest manifest, OutputRecord output) =>
        output.Verdict == Verdict.NotMeasured
            ? $"parity gate of {manifest.Name} {output.Precision}: not run (ModelPortParity is off)"
            : $"parity gate of {manifest.Name} {output.Precision} against its source ({manifest.Source.Precision}, {manifest.Engine.Name} {manifest.Engine.Version}, {manifest.Evaluation!.CpuBackend}), "
                + $"{Data(manifest.Evaluation)}: {string.Join("; ", output.Budgets.Select(b => Describe(b, output.Metrics)))}{(output.Behaviour is { } behaviour ? "; " + Describe(behaviour) : "")}";

    /// <summary>The data that a verdict rests on.</summary>
    public static string Data(EvaluationRecord evaluation) => !evaluation.IsText
        ? string.Create(CultureInfo.InvariantCulture, $"on {evaluation.Positions} samples of {evaluation.Name}, SHA-256 {evaluation.Sha256[..12]}")
        : string.Create(CultureInfo.InvariantCulture, $"on {evaluation.Windows} windows of {evaluation.WindowLength} tokens of {evaluation.Name}, {evaluation.Positions} positions, SHA-256 {evaluation.Sha256[..12]}");

    /// <summary>The data that a verdict on one budget rests on.</summary>
    public static string Data(Manifest manifest, OutputRecord output, BudgetResult budget) =>
        output.Tasks.FirstOrDefault(t => t.File == budget.On) is { } task
            ? string.Create(CultureInfo.InvariantCulture, $"on {task.Questions} of {task.Total} questions of {task.File}, {task.Lost} lost and {task.Gained} gained, McNemar p {task.Significance.PValue:0.###}, SHA-256 {task.Sha256[..12]}")
            : Data(manifest.Evaluation!);

    /// <summary>The error for a budget that a port does not keep.</summary>
    /// <param name="path">The source, where the error points.</param>
    /// <param name="port">Name and precision of the port.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="figures">The figures of the port.</param>
    /// <param name="data">What was measured on.</param>
    /// <param name="blame">Where the port differs from its source, as a sentence; empty when that is not known.</param>
    public static Diagnostic Failure(string path, string port, BudgetResult budget, IReadOnlyList<Figure> figures, string data, string blame)
    {
        var kind = BudgetKind.Of(budget);
        var name = budget.Name + (budget.IsDefault ? " (default)" : "");
        return budget.Verdict == BudgetVerdict.NotMeasured
            ? Diagnose.BudgetNotMeasured(path, port, name, kind.Metric.Title, kind.Needs)
            : Diagnose.BudgetMissed(path, port, name, Measured(budget, figures), kind.Metric.Write(budget.Limit, null).TrimStart('+'), Against(budget) + data, blame);
    }

    /// <summary>A budget with old, new, limit and verdict.</summary>
    public static string Describe(BudgetResult budget, IReadOnlyList<Figure> figures)
    {
        var limit = $"limit {budget.Limit.ToString("0.######", CultureInfo.InvariantCulture)}{(budget.Unit is null ? "" : " " + budget.Unit)}{(budget.IsDefault ? " (default)" : "")}";
        return $"{budget.Name} {(budget.Against == Reference.ReferenceOutputs ? "(against ReferenceOutputs) " : "")}{(budget.On is null ? "" : $"on {budget.On} ")}{Measured(budget, figures)}, {limit}, {Spell(budget.Verdict)}";
    }

    private static string Describe(BehaviourRecord behaviour)
    {
        string[] failed = [.. behaviour.Failures.Select(f => f.Code).Distinct()];
        return $"behaviour ({string.Join(", ", behaviour.Findings.Select(f => f.Check).Distinct())}) {(failed.Length == 0 ? "kept" : $"CHANGED: {string.Join(", ", failed)}")}";
    }

    private static string Measured(BudgetResult budget, IReadOnlyList<Figure> figures)
    {
        if (budget.Measured is not { } value)
        {
            return "not measured";
        }

        var kind = BudgetKind.Of(budget);
        var number = kind.Metric.Write(value, budget.Error);
        double? Absolute(Subject of) =>
            budget.Against == Reference.ReferenceOutputs || kind.Absolute is null ? null : figures.Find(kind.Absolute, of, on: budget.On)?.Value;
        return Absolute(Subject.Source) is { } before && Absolute(Subject.Port) is { } after
            ? $"{kind.Absolute!.Write(before)} -> {kind.Absolute.Write(after)}{(kind.Absolute == kind.Metric ? kind.Metric.Unit.Length == 0 ? "" : " " + kind.Metric.Unit : ", " + number)}"
            : number;
    }

    private static string Against(BudgetResult budget) => budget.Against switch
    {
        Reference.Source => "against the source, ",
        Reference.ReferenceOutputs => "against ReferenceOutputs, beside the figures ",
        _ => "",
    };

    private static string Spell(BudgetVerdict verdict) => verdict switch
    {
        BudgetVerdict.Kept => "kept",
        BudgetVerdict.WithinError => "outside by less than the error, kept",
        BudgetVerdict.Missed => "MISSED",
        _ => "NOT MEASURED",
    };
}
