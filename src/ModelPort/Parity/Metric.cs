using System.Globalization;

namespace ModelPort.Parity;

/// <summary>A quantity that parity measures. docs/parity.md has the definition and source of each.</summary>
/// <param name="Name">Its name in the manifest.</param>
/// <param name="Title">Its name in a line of text.</param>
/// <param name="Unit">Its unit; empty for a plain number.</param>
/// <param name="Format">How many digits say something.</param>
public sealed record Metric(string Name, string Title, string Unit, string Format)
{
    /// <summary>exp of the mean of -ln p(next token).</summary>
    public static readonly Metric Perplexity = new("perplexity", "perplexity", "", "0.0000");

    /// <summary>Perplexity divided by that of the reference.</summary>
    public static readonly Metric PerplexityRatio = new("perplexityRatio", "perplexity ratio", "", "0.000000");

    /// <summary>Growth of the perplexity against the reference.</summary>
    public static readonly Metric PerplexityIncrease = new("perplexityIncrease", "perplexity increase", "%", "+0.000;-0.000");

    /// <summary>Perplexity less that of the reference.</summary>
    public static readonly Metric PerplexityDifference = new("perplexityDifference", "perplexity difference", "", "0.000000");

    /// <summary>Logarithm of <see cref="PerplexityRatio"/>.</summary>
    public static readonly Metric LogPerplexityRatio = new("logPerplexityRatio", "ln of the perplexity ratio", "nats", "0.000000");

    /// <summary>Correlation of the two losses over the positions.</summary>
    public static readonly Metric LossCorrelation = new("lossCorrelation", "correlation of the losses", "%", "0.00");

    /// <summary>Mean Kullback-Leibler divergence from the reference.</summary>
    public static readonly Metric MeanDivergence = new("meanDivergence", "mean divergence", "nats", "0.000000");

    /// <summary>Largest divergence at any position.</summary>
    public static readonly Metric LargestDivergence = new("largestDivergence", "largest divergence", "nats", "0.000000");

    /// <summary>Smallest divergence at any position; below zero only by rounding.</summary>
    public static readonly Metric SmallestDivergence = new("smallestDivergence", "smallest divergence", "nats", "0.000000");

    /// <summary>Divergences that a share of the positions stay below.</summary>
    public static IReadOnlyList<(float Fraction, Metric Metric)> DivergencePercentiles { get; } = Percentiles("divergence", "divergence", "nats", "0.000000");

    /// <summary>Mean change of the probability of the token that follows.</summary>
    public static readonly Metric MeanProbabilityChange = new("meanProbabilityChange", "mean probability change", "%", "0.000");

    /// <summary>Root of the mean square of the change of that probability.</summary>
    public static readonly Metric RmsProbabilityChange = new("rmsProbabilityChange", "RMS probability change", "%", "0.000");

    /// <summary>Largest gain of that probability.</summary>
    public static readonly Metric LargestProbabilityChange = new("largestProbabilityChange", "largest probability change", "%", "0.000");

    /// <summary>Largest loss of that probability.</summary>
    public static readonly Metric SmallestProbabilityChange = new("smallestProbabilityChange", "smallest probability change", "%", "0.000");

    /// <summary>Changes of that probability that a share of the positions stay below.</summary>
    public static IReadOnlyList<(float Fraction, Metric Metric)> ProbabilityChangePercentiles { get; } = Percentiles("probabilityChange", "probability change", "%", "0.000");

    /// <summary>Share of positions at which both rank the same token first.</summary>
    public static readonly Metric TopTokenAgreement = new("topTokenAgreement", "top token agreement", "%", "0.000");

    /// <summary>Largest absolute difference of two logits.</summary>
    public static readonly Metric LargestLogitDifference = new("largestLogitDifference", "largest logit difference", "", "0.000000");

    /// <summary>Mean cosine similarity of the rows of logits.</summary>
    public static readonly Metric CosineSimilarity = new("cosineSimilarity", "cosine similarity", "", "0.000000");

    /// <summary>Largest absolute difference of two values of a model's output.</summary>
    public static readonly Metric LargestOutputDifference = new("largestOutputDifference", "largest output difference", "", "0.000000");

    /// <summary>Mean absolute difference of the values of a model's output.</summary>
    public static readonly Metric MeanOutputDifference = new("meanOutputDifference", "mean output difference", "", "0.000000");

    /// <summary>Root of the sum of squared differences by that of the squared values of the reference, over all values of a model's output.</summary>
    public static readonly Metric RelativeOutputError = new("relativeOutputError", "relative output error", "%", "0.0000");

    /// <summary>Share of rows of a model's output whose largest value stands at the same place.</summary>
    public static readonly Metric PredictionAgreement = new("predictionAgreement", "same prediction", "%", "0.00");

    /// <summary>Share of samples whose label is among the five largest values.</summary>
    public static readonly Metric TopFiveAccuracy = new("topFiveAccuracy", "top-5 accuracy", "%", "0.00");

    /// <summary>Mean over the classes of the harmonic mean of precision and recall.</summary>
    public static readonly Metric MacroF1 = new("macroF1", "macro F1", "%", "0.00");

    /// <summary>Mean squared difference to the labels.</summary>
    public static readonly Metric MeanSquaredError = new("meanSquaredError", "mean squared error", "", "0.000000");

    /// <summary>Share of strings that the port's tokenizer splits as the checkpoint's does.</summary>
    public static readonly Metric TokenizerAgreement = new("tokenizerAgreement", "tokenizer agreement", "%", "0.00");

    /// <summary>Share of questions answered right.</summary>
    public static readonly Metric Accuracy = new("accuracy", "accuracy", "%", "0.00");

    /// <summary>Accuracy of the reference less that of the port.</summary>
    public static readonly Metric AccuracyDrop = new("accuracyDrop", "accuracy drop", "points", "0.00");

    /// <summary>Tokens of the evaluation text a second, several windows at once; what else the machine did meanwhile is in it.</summary>
    public static readonly Metric EvaluationTokensPerSecond = new("evaluationTokensPerSecond", "evaluated tokens a second", "tokens/s", "0.0");

    /// <summary>Median time from a prompt to the first token.</summary>
    public static readonly Metric TimeToFirstToken = new("timeToFirstToken", "time to the first token", "ms", "0.00");

    /// <summary>Median time of a generated token, one sequence at a time.</summary>
    public static readonly Metric TokenLatencyP50 = new("tokenLatencyP50", "median token latency", "ms", "0.00");

    /// <summary>Time that 95 % of the generated tokens stay below.</summary>
    public static readonly Metric TokenLatencyP95 = new("tokenLatencyP95", "95 % token latency", "ms", "0.00");

    /// <summary>Time that 99 % of the generated tokens stay below.</summary>
    public static readonly Metric TokenLatencyP99 = new("tokenLatencyP99", "99 % token latency", "ms", "0.00");

    /// <summary>Tokens of a prompt a second, the first generated token included.</summary>
    public static readonly Metric PromptTokensPerSecond = new("promptTokensPerSecond", "prompt tokens a second", "tokens/s", "0.0");

    /// <summary>Generated tokens a second, one sequence at a time.</summary>
    public static readonly Metric GenerationTokensPerSecond = new("generationTokensPerSecond", "generated tokens a second", "tokens/s", "0.0");

    /// <summary>Median time of a run of a model.</summary>
    public static readonly Metric RunLatencyP50 = new("runLatencyP50", "median latency", "ms", "0.000");

    /// <summary>Time that 95 % of the runs of a model stay below.</summary>
    public static readonly Metric RunLatencyP95 = new("runLatencyP95", "95 % latency", "ms", "0.000");

    /// <summary>Time that 99 % of the runs of a model stay below.</summary>
    public static readonly Metric RunLatencyP99 = new("runLatencyP99", "99 % latency", "ms", "0.000");

    /// <summary>Samples that a model computes a second, one run at a time.</summary>
    public static readonly Metric SamplesPerSecond = new("samplesPerSecond", "samples a second", "samples/s", "0.0");

    /// <summary>Median time of a load, from a file that the system has cached.</summary>
    public static readonly Metric LoadTime = new("loadTime", "load time", "ms", "0.0");

    /// <summary>Most memory that a process of the model's own held resident, mapped weights included, less what it held before the load; in MB of 1,000,000 bytes.</summary>
    public static readonly Metric PeakMemory = new("peakMemory", "peak memory", "MB", "0.0");

    /// <summary>Size of the weights, in MB of 1,000,000 bytes.</summary>
    public static readonly Metric FileSize = new("fileSize", "size", "MB", "0.000");

    /// <summary>Cost of a million generated tokens at the hourly cost given.</summary>
    public static readonly Metric CostPerMillionTokens = new("costPerMillionTokens", "cost of a million tokens", "", "0.0000");

    /// <summary>Cost of a million samples at the hourly cost given.</summary>
    public static readonly Metric CostPerMillionRequests = new("costPerMillionRequests", "cost of a million requests", "", "0.0000");

    /// <summary>All metrics by their names.</summary>
    public static IReadOnlyDictionary<string, Metric> All { get; } = new[]
    {
        Perplexity, PerplexityRatio, PerplexityIncrease, PerplexityDifference, LogPerplexityRatio, LossCorrelation,
        MeanDivergence, LargestDivergence, SmallestDivergence,
        MeanProbabilityChange, RmsProbabilityChange, LargestProbabilityChange, SmallestProbabilityChange,
        TopTokenAgreement, LargestLogitDifference, CosineSimilarity,
        TokenizerAgreement, Accuracy, AccuracyDrop, EvaluationTokensPerSecond,
        TimeToFirstToken, TokenLatencyP50, TokenLatencyP95, TokenLatencyP99, PromptTokensPerSecond, GenerationTokensPerSecond, LoadTime, PeakMemory, FileSize, CostPerMillionTokens,
        LargestOutputDifference, MeanOutputDifference, RelativeOutputError, PredictionAgreement, TopFiveAccuracy, MacroF1, MeanSquaredError,
        RunLatencyP50, RunLatencyP95, RunLatencyP99, SamplesPerSecond, CostPerMillionRequests,
    }.Concat(DivergencePercentiles.Select(p => p.Metric)).Concat(ProbabilityChangePercentiles.Select(p => p.Metric)).ToDictionary(m => m.Name, StringComparer.Ordinal);

    /// <summary>A value of this metric with its digits.</summary>
    public string Write(double value) => Write(value, Format);

    /// <summary>A value with other digits than the metric's own.</summary>
    public static string Write(double value, string format)
    {
        var text = value.ToString(format, CultureInfo.InvariantCulture);
        // A divergence of nothing is below zero by rounding.
        return text.AsSpan().IndexOfAnyInRange('1', '9') < 0 && double.IsFinite(value) ? text.TrimStart('-') : text;
    }

    /// <summary>A value of this metric with its digits, standard error and unit.</summary>
    public string Write(double value, double? error) =>
        Write(value) + (error is { } e ? " +- " + e.ToString(Format.Split(';')[0].TrimStart('+'), CultureInfo.InvariantCulture) : "") + (Unit.Length == 0 ? "" : " " + Unit);

    private static (float Fraction, Metric Metric)[] Percentiles(string name, string title, string unit, string format) =>
        [.. from share in (float[])[0.999f, 0.99f, 0.95f, 0.9f, 0.75f, 0.5f, 0.25f, 0.1f, 0.05f, 0.01f, 0.001f]
            let percent = (100 * (decimal)share).ToString("0.#", CultureInfo.InvariantCulture)
            select (share, share == 0.5f
                ? new Metric("median" + char.ToUpperInvariant(name[0]) + name[1..], "median " + title, unit, format)
                : new Metric($"{name}P{percent}", $"{title}, {percent} %", unit, format))];
}
