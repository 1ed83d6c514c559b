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
        ["Name", "Revision", "Runtime", "Precision", "HardwareTarget", "Optimize", "Calibration", "CalibrationMethod", "CalibrationPercentile", "Evaluation", "StatePairs", "KeepInFloat", "Serving", "BatchSizes", "HourlyCost", "Attribute", "SplitMaxSize"];

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

    /// <summary>Whether a source is an ONNX model, by its name.</summary>
    public static bool IsFor(string source) => Path.GetExtension(Path.TrimEndingDirectorySeparator(source)).Equals(Extension, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the options.</summary>
    /// <param name="option">The value of an option; null where it is not set.</param>
    /// <param name="file">The file that errors point at.</param>
    /// <exception cref="ModelPortException">MP1020, MP1089, MP1100, MP1101, MP1102 or MP1103.</exception>
    internal static OnnxOptions Parse(Func<string, string?> option, string file)
    {
        var method = ParseMethod(option("CalibrationMethod"), file);
        var percentile = option("CalibrationPercentile");
        if (percentile is not null && method != RangeMethod.Percentile)
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, "CalibrationPercentile", percentile, "CalibrationMethod 'Percentile' beside it"));
        }

        var options = new OnnxOptions
        {
            NamesPrecision = option("Precision") is not null,
            Precisions = [.. Parts(option("Precision") ?? OnnxPrecision.FP32.Name, ';', ',').Select(name => OnnxPrecision.Parse(name, file)).Distinct()],
            Hardware = OnnxHardware.Parse(option("HardwareTarget") ?? OnnxHardware.Cpu.Name, file),
            Optimize = ParseOptimize(option("Optimize"), file),
            Method = method,
            Percentile = percentile is null ? DefaultPercentile : ParsePercentile(percentile, file),
            State = [.. Parts(option("StatePairs") ?? "", ';').Select(pair => ParsePair(pair, file))],
            BatchSizes = ParseSizes(option("BatchSizes") ?? "", file),
            KeepInFloat = [.. Parts(option("KeepInFloat") ?? "", ';')],
        };
        options.CheckOptimize(file);
        return options;
    }

    /// <summary>A level as users spell it.</summary>
    internal static string NameOf(GraphOptimization level) => level.ToString().ToLowerInvariant();

    // What is above depends on the processor: the runtime does it again wherever it loads the port.
    private static GraphOptimization ParseOptimize(string? text, string file) => text?.Trim().ToLowerInvariant() switch
    {
        null or "none" => GraphOptimization.None,
        "basic" => GraphOptimization.Basic,
        "extended" => GraphOptimization.Extended,
        "all" or "layout" => throw new ModelPortException(Diagnose.OptimizeBound(file, text)),
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "Optimize", text, "basic, extended or none")),
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

    private static RangeMethod ParseMethod(string? text, string file) => text is null ? RangeMethod.MinMax
        : Enum.TryParse<RangeMethod>(text, ignoreCase: true, out var method) && Enum.IsDefined(method) && !char.IsAsciiDigit(text[0]) ? method
        : throw new ModelPortException(Diagnose.InvalidOption(file, "CalibrationMethod", text, string.Join(", ", Enum.GetNames<RangeMethod>())));

    private static double ParsePercentile(string text, string file) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent) && percent is > 50 and <= 100
            ? percent
            : throw new ModelPortException(Diagnose.InvalidOption(file, "CalibrationPercentile", text, "a number above 50 and up to 100, with a decimal point"));

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
