using System.Collections.Immutable;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx;

/// <summary>An output of a recurrent model whose value is given to an input of the next run.</summary>
/// <param name="Output">The output.</param>
/// <param name="Input">The input.</param>
public sealed record StatePair(string Output, string Input);

/// <summary>What a user can ask of a port of an ONNX model beyond what all ports have in common.</summary>
public sealed record OnnxOptions
{
    /// <summary>The extension of models that this is about.</summary>
    public const string Extension = ".onnx";

    /// <summary>The default of <see cref="Percentile"/>.</summary>
    public const double DefaultPercentile = 99.99;

    private const int MostBatchSizes = 16;
    private const int LargestBatch = 65536;

    /// <summary>Metadata other than the budgets, as users spell them.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["Name", "Revision", "Runtime", "Precision", "HardwareTarget", "Optimize", "Calibration", "CalibrationMethod", "CalibrationPercentile", "Evaluation", "StatePairs", "KeepInFloat", "HalfInputsAndOutputs", "Serving", "BatchSizes", "HourlyCost", "Attribute", "SplitMaxSize"];

    /// <summary>The precisions asked for.</summary>
    public IReadOnlyList<OnnxPrecision> Precisions { get; init; } = [OnnxPrecision.FP32];

    /// <summary>Whether the user named precisions. Default limits of a file that somebody else made are those of the precision that is named.</summary>
    public bool NamesPrecision { get; init; }

    /// <summary>What the ports will run on.</summary>
    public OnnxHardware Hardware { get; init; } = OnnxHardware.Cpu;

    /// <summary>How far ONNX Runtime rewrites the graph of a port before it is saved; never above <see cref="GraphOptimization.Extended"/>.</summary>
    public GraphOptimization Optimize { get; init; } = GraphOptimization.None;

    /// <summary>How ranges are made of the values that were seen.</summary>
    public RangeMethod Method { get; init; } = RangeMethod.MinMax;

    /// <summary>With <see cref="RangeMethod.Percentile"/>: the share of the values of each place that its range holds, in percent.</summary>
    public double Percentile { get; init; } = DefaultPercentile;

    /// <summary>Outputs that are given to inputs of the next run.</summary>
    public IReadOnlyList<StatePair> State { get; init; } = [];

    /// <summary>Samples in a run for which times are taken, in the order given: limits hold at the first. Empty for the number that measurements take.</summary>
    public IReadOnlyList<int> BatchSizes { get; init; } = [];

    /// <summary>Labels of nodes that stay in float.</summary>
    public ImmutableHashSet<string> KeepInFloat { get; init; } = [];

    /// <summary>Whether inputs and outputs of FP16 ports are half floats too, where the nodes that they belong to compute in those.</summary>
    public bool HalfInputsAndOutputs { get; init; }

    /// <summary>Whether a source is an ONNX model, by its name.</summary>
    public static bool IsFor(string source) => Path.GetExtension(Path.TrimEndingDirectorySeparator(source)).Equals(Extension, StringComparison.OrdinalIgnoreCase);

    /// <summary>Completes what is common with what only an ONNX model can be asked.</summary>
    /// <param name="common">What all ports have in common.</param>
    /// <param name="options">Metadata of the item.</param>
    /// <exception cref="ModelPortException">MP1020, MP1089, MP1100, MP1101, MP1102 or MP1103.</exception>
    internal static PortRequest Complete(PortRequest common, OptionValues options)
    {
        var method = options.OneOf("CalibrationMethod", string.Join(", ", Enum.GetNames<RangeMethod>()), RangeMethod.MinMax, [.. Enum.GetValues<RangeMethod>().Select(m => (m.ToString(), m))]);
        if (options["CalibrationPercentile"] is not null && method != RangeMethod.Percentile)
        {
            throw options.Invalid("CalibrationPercentile", "CalibrationMethod 'Percentile' beside it");
        }

        var onnx = new OnnxOptions
        {
            NamesPrecision = options["Precision"] is not null,
            Precisions = [.. Parts(options["Precision"] ?? OnnxPrecision.FP32.Name, ';', ',').Select(name => OnnxPrecision.Parse(name, options.File)).Distinct()],
            Hardware = OnnxHardware.Parse(options["HardwareTarget"] ?? OnnxHardware.Cpu.Name, options.File),
            Optimize = ParseOptimize(options),
            Method = method,
            Percentile = options.Number("CalibrationPercentile", "a number above 50 and up to 100, with a decimal point", 50, 100) ?? DefaultPercentile,
            State = [.. Parts(options["StatePairs"] ?? "", ';').Select(pair => ParsePair(pair, options.File))],
            BatchSizes = ParseSizes(options["BatchSizes"] ?? "", options.File),
            KeepInFloat = [.. Parts(options["KeepInFloat"] ?? "", ';')],
            HalfInputsAndOutputs = options.Switch("HalfInputsAndOutputs"),
        };
        onnx.CheckOptimize(options.File);
        if (onnx.HalfInputsAndOutputs && !onnx.Precisions.Contains(OnnxPrecision.FP16))
        {
            throw options.Invalid("HalfInputsAndOutputs", "Precision FP16 beside it");
        }

        return common with { Onnx = onnx, Evaluation = ParseData(options) };
    }

    /// <summary>A level as users spell it.</summary>
    internal static string NameOf(GraphOptimization level) => level.ToString().ToLowerInvariant();

    // What is above depends on the processor: the runtime does it again wherever it loads the port.
    private static GraphOptimization ParseOptimize(OptionValues options) => options["Optimize"]?.Trim().ToLowerInvariant() switch
    {
        null or "none" => GraphOptimization.None,
        "basic" => GraphOptimization.Basic,
        "extended" => GraphOptimization.Extended,
        "all" or "layout" => throw new ModelPortException(Diagnose.OptimizeBound(options.File, options["Optimize"]!)),
        _ => throw options.Invalid("Optimize", "basic, extended or none"),
    };

    private void CheckOptimize(string file)
    {
        var other = !Hardware.IsX64 ? $"HardwareTarget '{Hardware}'" : Precisions.Contains(OnnxPrecision.FP8) ? "FP8, which is for TensorRT" : null;
        if (Optimize != GraphOptimization.None && other is not null)
        {
            throw new ModelPortException(Diagnose.OptimizeUnfit(file, NameOf(Optimize), other));
        }
    }

    private static string[] Parts(string list, params char[] separators) => list.Split(separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // One file of samples.
    private static string? ParseData(OptionValues options) => options["Evaluation"] is not { } value ? null
        : PathList.Read(value) is [var only] ? only
        : throw options.Invalid("Evaluation", "one file with inputs of the model");

    private static int[] ParseSizes(string list, string file)
    {
        int[] sizes = [.. Parts(list, ';').Select(size => int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var samples) ? samples : 0).Distinct()];
        return sizes.Length <= MostBatchSizes && sizes.All(size => size is > 0 and <= LargestBatch)
            ? sizes
            : throw new ModelPortException(Diagnose.InvalidOption(file, "BatchSizes", list, $"up to {MostBatchSizes} whole numbers from 1 to {LargestBatch}, such as '1;8;32'"));
    }

    private static StatePair ParsePair(string text, string file) =>
        text.Split('=', StringSplitOptions.TrimEntries) is [{ Length: > 0 } output, { Length: > 0 } input]
            ? new StatePair(output, input)
            : throw new ModelPortException(Diagnose.InvalidOption(file, "StatePairs", text, "pairs such as 'stateN=state', an output and the input that it is given to, with ';' between"));
}
