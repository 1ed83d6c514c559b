using System.CommandLine;
using System.Globalization;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Onnx;
using ModelPort.Planning;

namespace ModelPort.Tool.Commands;

/// <summary>modelport plan: everything a port would do, before a byte of weight is read; where types are chosen for a size, after they were measured.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        var options = new PortOptions();
        var why = new Option<string?>("--why") { Description = "The folder of an earlier port: also shows what would be done again, and why." };
        var command = new Command("plan", "Shows what a port would write: files, tensors, types, fallbacks, sizes.") { options.Source, why };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var folder = parsed.GetValue(why);
            var request = options.Read(parsed, parsed.GetValue(options.Source)!, folder ?? ".");
            if (request.Onnx is not null)
            {
                var summary = ConsoleRun.WithProgress(observer => OnnxPlanSummary.Of(request, folder is not null, observer, cancellation));
                Console.WriteLine(parsed.GetValue(options.Format) == "json" ? JsonText.Of(summary) : OnnxPlanText.Of(summary));
                return ExitCode.Done;
            }

            using var checkpoint = Checkpoint.Open(request.Source);
            var calibration = CalibrationInput.Open(request);
            var plan = ConsoleRun.WithProgress(observer => PortPipeline.Plan(checkpoint, request, observer, cancellation));
            var reasons = folder is null ? null : ConsoleRun.WithProgress(observer => PortPipeline.Why(checkpoint, request, observer, cancellation)) ?? [$"ported because {request.OutputDirectory} holds no port"];
            var view = PlanView.Of(plan, CalibrationView.Of(calibration, request)) with { Why = reasons };
            Console.WriteLine(parsed.GetValue(options.Format) == "json" ? JsonText.Of(view) : view.ToText());
            return ExitCode.Done;
        }));
        return command;
    }

    private sealed record TensorView(string Name, string Source, long[] Shape, IReadOnlyDictionary<string, string> Types, IReadOnlyDictionary<string, ChoiceView> Choices);

    private sealed record ChoiceView(string Wanted, string Why, double? Error, double? Sensitivity)
    {
        public static ChoiceView Of(OutputPlan output, int tensor)
        {
            var chosen = output.Mix?.Tensors.FirstOrDefault(t => t.Tensor == output.Layout.Tensors[tensor].Name);
            return new ChoiceView(GgmlTypes.Name(output.Types[tensor].Wanted), output.Types[tensor].Why, chosen?.Error, chosen?.Sensitivity);
        }

        /// <summary>Who decided, and what it is expected to cost.</summary>
        public string By => Why is TensorType.Recipe or TensorType.Kept ? ""
            : Error is { } error ? string.Create(CultureInfo.InvariantCulture, $" by {Why}, {error * Sensitivity:0.00000} nats")
            : $" by {Why}";
    }

    private sealed record FileView(string Name, long Bytes, int Tensors);

    private sealed record OutputView(IReadOnlyList<FileView> Files, string Precision, long Bytes, IReadOnlyDictionary<string, int> TensorTypes, IReadOnlyList<Fallback> Fallbacks, MixView? Mix);

    /// <summary>What types were chosen for, and what is expected of them.</summary>
    private sealed record MixView(long LimitBytes, double ExpectedDivergence, double LeastDivergence)
    {
        public static MixView? Of(Mix? mix) => mix is null ? null : new MixView(mix.LimitBytes, mix.Divergence, mix.LeastDivergence);

        public string ToText() => string.Create(
            CultureInfo.InvariantCulture,
            $"   types chosen for {Sizes.Bytes(LimitBytes)}: expected divergence {ExpectedDivergence:0.00000} nats, at most {100 * (LeastDivergence > 0 ? ExpectedDivergence / LeastDivergence - 1 : 0):0.00} % above the best mix");
    }

    private sealed record WarningView(string Code, string Message);

    /// <summary>The importance matrix: what a given one holds, or what one will be computed from.</summary>
    private sealed record CalibrationView(string Name, int? MostTokens, long? Chunks, IReadOnlyList<CoverageRecord>? Coverage)
    {
        public static CalibrationView? Of(CalibrationInput? input, PortRequest request) => input switch
        {
            null => null,
            { Importance.Matrix: var matrix } => new CalibrationView(input.Name, null, matrix.ChunkCount, ModelPort.Calibration.Coverage.Of(matrix)),
            _ => new CalibrationView(input.Name, request.Checkpoint.CalibrationTokens, null, null),
        };

        public string ToText() => MostTokens is { } tokens
            ? $"importance: to be computed from {Name}, at most {tokens} tokens"
            : $"importance: {Name}, of {Chunks} chunks{(Coverage is [_, ..] ? $"; {Coverage.Count} weights, each used {Coverage.Min(c => c.Fewest)} times or more" : "")}";
    }

    private sealed record PlanView(
        string Architecture,
        long Parameters,
        long SourceBytes,
        IReadOnlyList<OutputView> Outputs,
        IReadOnlyList<TensorView> Tensors,
        IReadOnlyList<WarningView> Warnings,
        CalibrationView? Calibration)
    {
        public static PlanView Of(PortPlan plan, CalibrationView? calibration) => new(
            plan.Architecture.Name,
            plan.ParameterCount,
            plan.Checkpoint.WeightBytes,
            [.. plan.Outputs.Select(o => new OutputView([.. o.Files.Select(f => new FileView(f.Name, f.Layout.FileLength, f.Layout.Tensors.Length))], o.Precision.Name, o.FileLength, o.TypeCounts.ToDictionary(t => GgmlTypes.Name(t.Key), t => t.Value), o.Fallbacks, MixView.Of(o.Mix)))],
            [.. plan.Tensors.Select((t, i) => new TensorView(
                t.Name,
                t.Parts.IsEmpty ? "(computed)" : t.SourceName,
                [.. t.Shape],
                plan.Outputs.ToDictionary(o => o.Precision.Name, o => GgmlTypes.Name(o.Types[i].Type)),
                plan.Outputs.ToDictionary(o => o.Precision.Name, o => ChoiceView.Of(o, i))))],
            [.. plan.Warnings.Select(w => new WarningView(w.Code, w.Message))],
            calibration);

        /// <summary>What would be done again, and why; null when nobody asked.</summary>
        public IReadOnlyList<string>? Why { get; init; }

        public string ToText()
        {
            List<string> lines = [.. Why is [] ? ["up to date"] : Why ?? []];
            lines.Add($"{Architecture}, {Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters, {Sizes.Bytes(SourceBytes)}");
            foreach (var output in Outputs)
            {
                lines.Add($"-> {(output.Files is [var only] ? only.Name : $"{output.Files.Count} files")}: {Sizes.Bytes(output.Bytes)} ({string.Join(", ", output.TensorTypes.Select(t => $"{t.Value} {t.Key}"))})");
                lines.AddRange(output.Files.Count == 1 ? [] : output.Files.Select(f => $"   {f.Name}: {Sizes.Bytes(f.Bytes)}, {f.Tensors} tensors"));
                lines.AddRange(output.Mix is null ? [] : [output.Mix.ToText()]);
            }

            lines.AddRange(Calibration is null ? [] : [Calibration.ToText()]);
            lines.AddRange(Warnings.Select(w => $"warning {w.Code}: {w.Message}"));
            var name = Tensors.Max(t => t.Name.Length);
            var shape = Tensors.Max(t => Shape(t).Length);
            lines.AddRange(Tensors.Select(t => $"  {t.Name.PadRight(name)}  {Shape(t).PadRight(shape)}  {string.Join("  ", t.Types.Values.Select(v => v.PadRight(6)))}  <- {t.Source}{Notes(t)}"));
            return string.Join(Environment.NewLine, lines);
        }

        // What does not follow from the precision's name: options of the user, types chosen for a size, and types that the rows do not fit.
        private static string Notes(TensorView tensor) => string.Concat(
            from type in tensor.Types
            let choice = tensor.Choices[type.Key]
            let fellBack = choice.Wanted != type.Value
            where choice.By.Length > 0 || fellBack
            group type.Key by $"{(fellBack ? $"{choice.Wanted} wanted" : type.Value)}{choice.By}" into same
            select $"  ({string.Join(", ", same)}: {same.Key})");

        private static string Shape(TensorView tensor) => $"[{string.Join(", ", tensor.Shape)}]";
    }
}
