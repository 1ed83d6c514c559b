using System.Globalization;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;
using ModelPort.Parity.Tokenizers;

namespace ModelPort.Parity;

/// <summary>What was measured beside figures, as lines for people.</summary>
public static class ReportText
{
    /// <summary>How many answers of a task changed, and whether that is more than chance.</summary>
    public static string Of(TaskParity task) => string.Create(
        CultureInfo.InvariantCulture,
        $"{task.File}: {task.Questions} of {task.Total} questions, {task.Lost} lost and {task.Gained} gained, McNemar p {task.Significance.PValue:0.####} ({(task.Significance.Test == McNemarTest.Exact ? "exact" : "chi-square")})");

    /// <summary>How far a port splits text as its source, and where it does not.</summary>
    public static IEnumerable<string> Of(TokenizerComparison tokenizer)
    {
        if (tokenizer.Agreement is not { } agreement)
        {
            yield return $"tokenizer not compared with {tokenizer.Source}: {tokenizer.NotChecked}";
            yield break;
        }

        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"tokenizer: {tokenizer.Equal} of {tokenizer.Texts} texts split as by {tokenizer.Source} ({agreement:0.00} %{(tokenizer.AgreementAsWritten is { } written ? $"; {written:0.00} % without the normal form of Unicode that the source makes" : "")})");
        foreach (var role in tokenizer.Roles.Where(r => !r.IsEqual))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{role.Role}: {role.Source} in the source, {role.Port?.ToString(CultureInfo.InvariantCulture) ?? "none"} in the port");
        }

        foreach (var difference in tokenizer.Differences)
        {
            yield return difference.ToString();
        }

        foreach (var known in tokenizer.Explained)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{known.Texts} not counted: {known.Reason}");
        }
    }

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

    /// <summary>A position at which the port says something else than its source.</summary>
    public static string Of(WorstPosition worst) => string.Create(
        CultureInfo.InvariantCulture,
        $"differs by {worst.Divergence:0.###} nats before '{OneLine(worst.Next)}' ({worst.InSource:0.000} in the source, {worst.InPort:0.000} in the port; window {worst.Window}, token {worst.Position})");

    /// <summary>What times were taken on, and how those of the port compare with the source's.</summary>
    public static IEnumerable<string> Of(ServingRecord serving)
    {
        var hardware = serving.Hardware;
        yield return string.Create(CultureInfo.InvariantCulture, $"served by turns on {hardware.Processor}, {hardware.Threads} of {hardware.Cores} cores: {Runs(serving)}");
        foreach (var ratio in serving.Ratios)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{Metric.All[ratio.Metric].Title}{(ratio.On is null ? "" : $" on {ratio.On}")}, port to source: {ratio.Median:0.000} (half of the rounds from {ratio.Low:0.000} to {ratio.High:0.000})");
        }
    }

    /// <summary>What was timed, in a few words.</summary>
    internal static string Runs(ServingRecord serving) => serving.Batches is { } batches
        ? string.Join(", ", batches.Select(b => string.Create(CultureInfo.InvariantCulture, $"{b.Rounds} runs of {b.Size} {(b.Size == 1 ? "sample" : "samples")}")))
        : string.Create(CultureInfo.InvariantCulture, $"{serving.Rounds} prompts of {serving.PromptTokens} tokens, {serving.Tokens} generated tokens");

    /// <summary>Text of a file, without its control characters.</summary>
    internal static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
}
