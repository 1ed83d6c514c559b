using System.CommandLine;
using System.Globalization;
using ModelPort.Parity;

namespace ModelPort.Tool.Commands;

/// <summary>modelport validate: measures a GGUF file that exists already against the checkpoint it came from.</summary>
internal static class ValidateCommand
{
    public static Command Create()
    {
        var options = new PortOptions();
        var port = new Argument<string>("port") { Description = "The GGUF file to measure, whoever made it." };
        var source = new Option<string>("--source") { Description = "The checkpoint folder it came from.", Required = true };
        var command = new Command("validate", "Measures a GGUF file against its source checkpoint and judges it by budgets.") { port, source };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var scratch = Directory.CreateTempSubdirectory("modelport-");
            try
            {
                var path = Path.GetFullPath(parsed.GetValue(port)!);
                var request = options.Read(parsed, parsed.GetValue(source)!, scratch.FullName);
                var outcome = ConsoleRun.WithProgress(observer => PortValidation.Run(path, request, observer, cancellation));
                Console.WriteLine(parsed.GetValue(options.Format) == "json" ? JsonText.Of(View.Of(outcome)) : ToText(path, outcome));
                return outcome.Kept ? ExitCode.Done : ExitCode.BudgetMissed;
            }
            finally
            {
                scratch.Delete(recursive: true);
            }
        }));
        return command;
    }

    private static string ToText(string path, ValidationOutcome outcome)
    {
        var m = outcome.Parity.Metrics;
        string[] lines =
        [
            string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(path)} against source {outcome.Source.Prefix}, {m.Positions} positions of {outcome.Basis.Text.Name}"),
            string.Create(CultureInfo.InvariantCulture, $"  perplexity            {m.SourcePerplexity:0.0000} -> {m.Perplexity:0.0000} +- {m.PerplexityError:0.0000}"),
            string.Create(CultureInfo.InvariantCulture, $"  increase              {m.PerplexityIncrease:+0.000;-0.000} % +- {m.PerplexityIncreaseError:0.000}"),
            string.Create(CultureInfo.InvariantCulture, $"  mean divergence       {m.MeanDivergence:0.000000} nats +- {m.MeanDivergenceError:0.000000}, largest {m.LargestDivergence:0.0000}"),
            string.Create(CultureInfo.InvariantCulture, $"  top token agreement   {m.TopTokenAgreement:0.00} %"),
            string.Create(CultureInfo.InvariantCulture, $"  logits                largest difference {m.LargestLogitDifference:0.0000}, cosine {m.CosineSimilarity:0.000000}"),
            string.Create(CultureInfo.InvariantCulture, $"  prompt tokens/s       {outcome.Parity.SourceTokensPerSecond:0} -> {outcome.Parity.TokensPerSecond:0}"),
            .. outcome.Parity.Reference is { } r
                ? new[] { string.Create(CultureInfo.InvariantCulture, $"  against reference     source {r.Source.LargestLogitDifference:0.000000}, port {r.Port.LargestLogitDifference:0.000000} (largest logit difference)") }
                : [],
            .. outcome.Budgets.Select(b => string.Create(CultureInfo.InvariantCulture, $"  {b.Name,-21} {b.Measured:0.######} (limit {b.Limit:0.######}) {(b.Kept ? "kept" : "MISSED")}")),
        ];
        return string.Join(Environment.NewLine, lines);
    }

    private sealed record View(string SourceSha256, string Evaluation, string EvaluationSha256, int Windows, PortParity Parity, IReadOnlyList<BudgetResult> Budgets, bool Kept)
    {
        public static View Of(ValidationOutcome o) => new(o.Source.Value, o.Basis.Text.Name, o.Basis.Text.Sha256, o.Basis.WindowCount, o.Parity, o.Budgets, o.Kept);
    }
}
