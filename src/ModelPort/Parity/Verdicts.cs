using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Reports;

namespace ModelPort.Parity;

/// <summary>Judges what was measured by the budgets of a request; measuring again is never needed for that.</summary>
/// <param name="context">What stages share.</param>
/// <param name="defaults">The limits that hold for an output when the user gives none.</param>
internal sealed class Verdicts(RunContext context, Func<OutputRecord, IEnumerable<Budget>> defaults)
{
    /// <summary>The record of an output with its budgets and its verdict.</summary>
    public OutputRecord Judged(OutputRecord record)
    {
        var request = context.Request;
        if (record.Metrics.Count == 0 || request.Parity == ParityMode.Off)
        {
            context.Warn(Diagnose.NotMeasured(context.SourcePath));
            return record with { Budgets = [], Verdict = Verdict.NotMeasured };
        }

        var path = Path.Combine(request.OutputDirectory, record.FileName);
        record = record with { Metrics = ServingCost.Apply(record.Metrics, request.HourlyCost), Serving = record.Serving is { } serving ? serving with { HourlyCost = request.HourlyCost } : null };
        var budgets = Judge.Check(record.Metrics, Judge.Applicable(request.Budgets, defaults(record)), request.StrictParity);
        foreach (var warning in record.Tokenizer?.Warnings(context.SourcePath, path) ?? [])
        {
            context.Warn(warning);
        }

        foreach (var warning in record.Behaviour?.Findings.Where(f => f.Level == FindingLevel.Warning) ?? [])
        {
            context.Warn(warning.ToDiagnostic(path)!);
        }

        var kept = budgets.All(b => b.Passes) && record.Behaviour?.Failures.Any() != true;
        return record with { Budgets = budgets, Verdict = kept ? Verdict.Kept : Verdict.Missed };
    }

    /// <summary>What an earlier run left, when it is all that is wanted: its numbers, judged by what is asked for now.</summary>
    public RunResult AsLeft(Manifest earlier, ParityReport? report)
    {
        context.Observer.Detail($"{context.Request.Name}: the same source and options were ported before; judging the recorded numbers");
        // The same bytes may have been fetched from another place by now.
        var manifest = earlier with { Outputs = [.. earlier.Outputs.Select(Judged)], Source = earlier.Source with { Revision = context.Revision } };
        return new RunResult(manifest, report is null ? null : report with { Manifest = manifest }, false, false);
    }

    private static string Blame(OutputRecord output, BudgetResult budget) =>
        output.Attribution is { } attribution ? AttributionText.Blame(attribution, Metric.All[budget.Metric])
        : output.Graph is { Layers.Count: > 0 } graph ? graph.Blame + (budget.IsDefault ? FormattableString.Invariant($". {budget.Name} set to {budget.Limit} by yourself leaves the worst nodes in float until it holds") : "")
        : "";

    /// <summary>An error for each budget that is missed, and for each way in which a port behaves otherwise than its source.</summary>
    public IReadOnlyList<Diagnostic> Missed(Manifest manifest) =>
        [.. from output in manifest.Outputs
            from budget in output.Budgets
            where !budget.Passes
            select Gate.Failure(context.SourcePath, $"{context.Request.Name} {output.Precision}", budget, output.Metrics, Gate.Data(manifest, output, budget), Blame(output, budget)),
         .. from output in manifest.Outputs
            where output.Verdict == Verdict.Missed
            from failure in output.Behaviour?.Failures ?? []
            select failure.ToDiagnostic(Path.Combine(context.Request.OutputDirectory, output.FileName))];
}
