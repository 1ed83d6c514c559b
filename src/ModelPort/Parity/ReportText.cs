using System.Globalization;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;

namespace ModelPort.Parity;

/// <summary>What was measured beside figures, as lines for people.</summary>
public static class ReportText
{
    /// <summary>How many answers of a task changed, and whether that is more than chance.</summary>
    public static string Of(TaskParity task) => string.Create(
        CultureInfo.InvariantCulture,
        $"{task.File}: {task.Questions} of {task.Total} questions, {task.Lost} lost and {task.Gained} gained, McNemar p {task.Significance.PValue:0.####} ({(task.Significance.Test == McNemarTest.Exact ? "exact" : "chi-square")})");

    /// <summary>What a check of behaviour found.</summary>
    public static string Of(BehaviourFinding finding) =>
        $"{finding.Check} {(finding.Level == FindingLevel.Pass ? "passed" : finding.Level == FindingLevel.Warning ? "warns" : "FAILED")} ({finding.Code}): {finding.Text}";

    /// <summary>How far prompts are continued alike, and where source and port part first.</summary>
    public static IEnumerable<string> Of(Continuations continuations)
    {
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{continuations.Prompts} greedy continuations of {continuations.Tokens} tokens: {continuations.Equal:0.#} % equal, {continuations.MeanPrefix:0.0} +- {continuations.MeanPrefixError:0.0} tokens until they part, at least {continuations.LeastPrefix}");
        if (continuations.Divergences.MinBy(d => d.Prefix) is { } first)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"the soonest, of prompt {first.Prompt + 1} after {first.Prefix} tokens: source '{first.Source.Text}' ({first.Source.InSource:0.000}, in the port {first.Source.InPort:0.000}), port '{first.Port.Text}' ({first.Port.InPort:0.000}, in the source {first.Port.InSource:0.000})");
        }
    }

    /// <summary>What times were taken on, and how those of the port compare with the source's.</summary>
    public static IEnumerable<string> Of(ServingRecord serving)
    {
        var hardware = serving.Hardware;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"served by turns on {hardware.Processor}, {hardware.Threads} of {hardware.Cores} cores: {serving.Rounds} prompts of {serving.PromptTokens} tokens, {serving.Tokens} generated tokens");
        foreach (var ratio in serving.Ratios)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{Metric.All[ratio.Metric].Title}, port to source: {ratio.Median:0.000} (half of the rounds from {ratio.Low:0.000} to {ratio.High:0.000})");
        }
    }
}
