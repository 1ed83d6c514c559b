using System.CommandLine;
using ModelPort.Onnx;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;
using ModelPort.Parity.Tokenizers;

namespace ModelPort.Tool.Commands;

/// <summary>modelport validate: measures a GGUF or ONNX file that exists already against the model it came from.</summary>
internal static class ValidateCommand
{
    private const int WorstShown = 3;

    public static Command Create()
    {
        var options = new PortOptions();
        var port = new Argument<string>("port") { Description = "The GGUF or ONNX file to measure, whoever made it; of a GGUF model in several any one of them." };
        var source = new Option<string>("--source") { Description = "The checkpoint folder, or the .onnx file, it came from.", Required = true };
        var command = new Command("validate", "Measures a GGUF or ONNX file against its source and judges it by budgets.") { port, source };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var scratch = Directory.CreateTempSubdirectory("modelport-");
            try
            {
                var path = Path.GetFullPath(parsed.GetValue(port)!);
                var request = options.Read(parsed, parsed.GetValue(source)!, scratch.FullName);
                if (request.Onnx is not null)
                {
                    var onnx = ConsoleRun.WithProgress(observer => OnnxValidation.Run(path, request, observer, cancellation));
                    Console.WriteLine(parsed.GetValue(options.Format) == "json" ? JsonText.Of(OnnxValidationView.Of(onnx)) : OnnxValidationView.Text(path, onnx));
                    return onnx.Kept ? ExitCode.Done : ExitCode.BudgetMissed;
                }

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
        var windows = outcome.Basis.Windows;
        string[] lines =
        [
            $"{Path.GetFileName(path)} against source {outcome.Source.Prefix}, {windows.Count} windows of {windows.Length} tokens of {outcome.Basis.Text.Name}, {windows.Count * windows.Rows} positions",
            .. Lines(outcome.Port.Figures),
            .. outcome.Port.Tasks.Select(task => "  " + ReportText.Of(task)),
            .. outcome.Port.Tokenizer is { } t ? ReportText.Of(t).Select(line => "  " + line) : [],
            .. outcome.Port.Behaviour.Findings.Select(f => "  " + ReportText.Of(f)),
            .. outcome.Port.Behaviour.Continuations is { } c ? ReportText.Of(c).Select(line => "  " + line) : [],
            .. outcome.Port.Attribution is { } a ? AttributionText.Of(a).Select(line => "  " + line) : [],
            .. outcome.Port.Positions.Worst.Take(WorstShown).Select(w => "  " + ReportText.Of(w)),
            .. outcome.Port.Serving is { } s ? ReportText.Of(s).Select(line => "  " + line) : [],
            .. outcome.Budgets.Select(b => "  " + Gate.Describe(b, outcome.Port.Figures)),
            .. outcome.Blames.Select(b => "  " + b),
        ];
        return string.Join(Environment.NewLine, lines);
    }

    /// <summary>A line for each number: what it is, its value, and whose it is.</summary>
    internal static IEnumerable<string> Lines(IEnumerable<Figure> figures) =>
        figures.Select(f => $"  {Metric.All[f.Name].Title,-32} {Metric.All[f.Name].Write(f.Value, f.Error),-32} {Whose(f)}".TrimEnd());

    private static string Whose(Figure figure) => Whose(figure.Of, figure.Against) + (figure.On is null ? "" : $" on {figure.On}");

    private static string Whose(Subject of, Reference? against) => (of, against) switch
    {
        (Subject.Source, null) => "source",
        (Subject.Source, _) => "source against reference outputs",
        (_, Reference.ReferenceOutputs) => "port against reference outputs",
        (_, Reference.Source) => "port against source",
        _ => "port",
    };

    private sealed record View(
        string SourceSha256,
        string Evaluation,
        string EvaluationSha256,
        int WindowLength,
        int Windows,
        int Positions,
        string CpuBackend,
        IReadOnlyList<Figure> Metrics,
        IReadOnlyList<TaskParity> Tasks,
        TokenizerComparison? Tokenizer,
        BehaviourRecord Behaviour,
        AttributionRecord? Attribution,
        DivergenceHistogram Histogram,
        IReadOnlyList<WorstPosition> Worst,
        ServingRecord? Serving,
        IReadOnlyList<BudgetResult> Budgets,
        bool Kept)
    {
        public static View Of(ValidationOutcome o) => new(
            o.Source.Value,
            o.Basis.Text.Name,
            o.Basis.Text.Sha256,
            o.Basis.Windows.Length,
            o.Basis.Windows.Count,
            o.Basis.Windows.Count * o.Basis.Windows.Rows,
            o.Basis.CpuBackend,
            o.Port.Figures,
            o.Port.Tasks,
            o.Port.Tokenizer,
            o.Port.Behaviour,
            o.Port.Attribution,
            o.Port.Positions.Histogram,
            o.Port.Positions.Worst,
            o.Port.Serving,
            o.Budgets,
            o.Kept);
    }
}
