using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Parity.Tasks;
using ModelPort.Planning;

namespace ModelPort;

/// <summary>What a user can ask of a port of a checkpoint beyond what all ports have in common.</summary>
public sealed record CheckpointOptions
{
    /// <summary>The default of <see cref="CalibrationTokens"/>.</summary>
    public const int DefaultCalibrationTokens = 16384;

    /// <summary>The default of <see cref="EvaluationQuestions"/>.</summary>
    public const int DefaultEvaluationQuestions = 1000;

    /// <summary>The default of <see cref="Continuations"/>.</summary>
    public const int DefaultContinuations = 8;

    /// <summary>The default of <see cref="ContinuationTokens"/>.</summary>
    public const int DefaultContinuationTokens = 32;

    private const int MostContinuations = 64;
    private const int MostContinuationTokens = 512;

    /// <summary>Metadata other than the budgets, as users spell them.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["Name", "Revision", "Runtime", "Precision", "HardwareTarget", "Evaluation", "ReferenceOutputs", "PreTokenizer", "EvaluationTokens", "EvaluationWindow", "EvaluationQuestions", "Continuations", "ContinuationTokens", "Serving", "Attribute", "HourlyCost",
         "TensorPrecision", "Pure", "OutputPrecision", "EmbeddingPrecision", "TargetBitsPerWeight",
         "Calibration", "CalibrationTokens", "CalibrationWindow", "SplitMaxSize"];

    /// <summary>The precisions asked for; empty means the source's own.</summary>
    public IReadOnlyList<Precision> Precisions { get; init; } = [];

    /// <summary>The size that types are chosen for, when <see cref="Precision.Auto"/> is among the precisions.</summary>
    public SizeTarget? Target { get; init; }

    /// <summary>What the user decides about the types of tensors over the precisions' recipes.</summary>
    public TensorChoice Choice { get; init; } = TensorChoice.None;

    /// <summary>The value of <c>tokenizer.ggml.pre</c>, when the user knows better than the detection.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>At most this many tokens of the evaluation text are measured; null for what the model's size makes of it (<see cref="EvaluationLength"/>).</summary>
    public int? EvaluationTokens { get; init; }

    /// <summary>Tokens in a window of the evaluation; null means 512, or the model's context when that is shorter. Take the length the model was trained with when that is less.</summary>
    public int? EvaluationWindow { get; init; }

    /// <summary>Tasks that source and port are asked (.jsonl).</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <summary>At most this many questions of a task are asked; of more, this many at even distances.</summary>
    public int EvaluationQuestions { get; init; } = DefaultEvaluationQuestions;

    /// <summary>Prompts that source and port continue; 0 for none.</summary>
    public int Continuations { get; init; } = DefaultContinuations;

    /// <summary>Tokens of a continuation, at most.</summary>
    public int ContinuationTokens { get; init; } = DefaultContinuationTokens;

    /// <summary>A safetensors file with <c>input_ids</c> and <c>logits</c> of the framework the model comes from.</summary>
    public string? ReferenceOutputs { get; init; }

    /// <summary>At most this many tokens of the calibration text are used.</summary>
    public int CalibrationTokens { get; init; } = DefaultCalibrationTokens;

    /// <summary>Tokens in a chunk of the calibration; null means 512, or the model's context when that is shorter.</summary>
    public int? CalibrationWindow { get; init; }

    /// <summary>Completes what is common with what only a checkpoint can be asked.</summary>
    /// <param name="common">What all ports have in common.</param>
    /// <param name="options">Metadata of the item.</param>
    /// <param name="properties">Settings of the build.</param>
    /// <exception cref="ModelPortException">MP1018, MP1020, MP1040, MP1041, MP1043 or MP1044.</exception>
    internal static PortRequest Complete(PortRequest common, OptionValues options, OptionValues properties)
    {
        options.Require("HardwareTarget", "cpu", "a checkpoint");
        var target = new SizeTarget(
            common.Budgets.FirstOrDefault(b => b.Kind.Name == "MaxSize") is { } size ? (long)Math.Min(size.Limit * 1e6, long.MaxValue / 2) : null,
            options.Number("TargetBitsPerWeight", "a number above 0 and up to 32, with a decimal point", most: 32));
        var precisions = ParsePrecisions(options, target);
        var pure = options.Switch("Pure");
        if (pure && precisions.Contains(Precision.Auto))
        {
            throw options.Invalid("Pure", "a precision other than Auto beside it, which has no base type");
        }

        var (text, tasks) = ParseEvaluation(options);
        return common with
        {
            Evaluation = text,
            Checkpoint = new CheckpointOptions
            {
                Precisions = precisions,
                Target = precisions.Contains(Precision.Auto) ? target : null,
                Choice = new TensorChoice
                {
                    Patterns = TensorPattern.ParseList(options["TensorPrecision"] ?? "", options.File),
                    Pure = pure,
                    Output = options["OutputPrecision"] is { } output ? TensorTypes.Parse(output, options.File) : null,
                    Embedding = options["EmbeddingPrecision"] is { } embedding ? TensorTypes.Parse(embedding, options.File) : null,
                },
                PreTokenizer = options["PreTokenizer"],
                EvaluationTokens = options.Or(properties, "EvaluationTokens").Count("EvaluationTokens"),
                EvaluationWindow = Window(options, "EvaluationWindow"),
                Tasks = tasks,
                EvaluationQuestions = options.Count("EvaluationQuestions") ?? DefaultEvaluationQuestions,
                Continuations = options.Within("Continuations", 0, MostContinuations) ?? DefaultContinuations,
                ContinuationTokens = options.Within("ContinuationTokens", 1, MostContinuationTokens) ?? DefaultContinuationTokens,
                ReferenceOutputs = options["ReferenceOutputs"],
                CalibrationTokens = options.Count("CalibrationTokens") ?? DefaultCalibrationTokens,
                CalibrationWindow = Window(options, "CalibrationWindow"),
            },
        };
    }

    // A size without a precision asks for the best that fits.
    private static IReadOnlyList<Precision> ParsePrecisions(OptionValues options, SizeTarget size)
    {
        var precisions = Precision.ParseList(options["Precision"] ?? "", options.File);
        if (precisions.Count == 0 && size != new SizeTarget(null, null))
        {
            return [Precision.Auto];
        }

        if (precisions.Contains(Precision.Auto))
        {
            return size != new SizeTarget(null, null) ? precisions : throw new ModelPortException(Diagnose.SizeMissing(options.File));
        }

        return size.BitsPerWeight is null ? precisions : throw options.Invalid("TargetBitsPerWeight", "Precision 'Auto', or none, beside it");
    }

    // One text, and tasks, which figures and budgets name by their file names.
    private static (string? Text, string[] Tasks) ParseEvaluation(OptionValues options)
    {
        var paths = PathList.Read(options["Evaluation"] ?? "");
        string[] tasks = [.. paths.Where(p => Path.GetExtension(p).Equals(TaskFile.Extension, StringComparison.OrdinalIgnoreCase))];
        string[] texts = [.. paths.Except(tasks)];
        return texts.Length > 1 ? throw options.Invalid("Evaluation", "one text (.txt) at most, beside tasks (.jsonl)")
            : tasks.DistinctBy(Path.GetFileName, StringComparer.OrdinalIgnoreCase).Count() < tasks.Length ? throw options.Invalid("Evaluation", "tasks whose file names differ")
            : (texts.FirstOrDefault(), tasks);
    }

    private static int? Window(OptionValues options, string name) => options.Within(name, 16, 32768);
}
