using System.Globalization;

namespace ModelPort.Diagnostics;

/// <summary>Precisions of ONNX models: MP1100 to MP1109 and MP2100 to MP2119.</summary>
public static partial class Diagnose
{
    /// <summary>MP1100: the precision is none of the ONNX Runtime's.</summary>
    public static Diagnostic UnknownOnnxPrecision(string file, string found, IEnumerable<string> valid, string? nearest) =>
        Error("MP1100", file, $"Precision '{found}' is unknown.{(nearest is null ? "" : $" Did you mean {nearest}?")} Use one of those valid for onnxruntime: {string.Join(", ", valid)}.");

    /// <summary>MP1101: the hardware target is unknown.</summary>
    public static Diagnostic UnknownHardware(string file, string found, IEnumerable<string> valid, string? nearest) =>
        Error("MP1101", file, $"HardwareTarget '{found}' is unknown.{(nearest is null ? "" : $" Did you mean {nearest}?")} Use one of those that ONNX models are made for: {string.Join(", ", valid)}.");

    /// <summary>MP1102: a level of graph optimisation that depends on the processor.</summary>
    public static Diagnostic OptimizeBound(string file, string found) =>
        Error("MP1102", file, $"Optimize '{found}' would tie the port to the vector width of the processor that builds it. ONNX Runtime does that part by itself wherever it loads the port. Use extended, or basic.");

    /// <summary>MP1103: a graph is to be rewritten for hardware that is not there.</summary>
    public static Diagnostic OptimizeUnfit(string file, string level, string other) =>
        Error("MP1103", file, $"Optimize '{level}' is set beside {other}, but ONNX Runtime rewrites a graph for the processor that it runs on; expected a port for cpu or avx2. Remove Optimize, or give such ports an item of their own.");

    /// <summary>MP2100: nothing in the model can be given the precision.</summary>
    public static Diagnostic NothingToConvert(string path, string precision, string found) =>
        Error("MP2100", path, $"Nothing in this model can be made {precision}: {found.TrimEnd('.')}. A port that changes no weight is no port. Choose another precision, or remove the nodes from KeepInFloat.");

    /// <summary>MP2102: a range that is needed was not measured.</summary>
    public static Diagnostic RangeMissing(string path, string value, string precision) =>
        Error("MP2102", path, $"{precision} needs the range of '{value}', and it was not measured. Set Calibration to data that reaches this part of the graph, or name its nodes in KeepInFloat.");

    /// <summary>MP2103: a range is none: NaN, infinite or reversed.</summary>
    public static Diagnostic RangeInvalid(string path, string value, string found) =>
        Error("MP2103", path, $"The range of '{value}' is {found}; expected two finite numbers in order. Check that the calibration data has no NaN and is scaled as the model expects; a model that becomes infinite on it cannot be quantised.");

    /// <summary>MP2104 (warning): values never differed from zero in calibration.</summary>
    public static Diagnostic RangeEmpty(string path, IEnumerable<string> values)
    {
        var names = values.ToArray();
        return Warning("MP2104", path, $"{Count(names.Length, "value was", "values were")} zero for all calibration data ({Some(names)}), so that any other value would be cut off; the nodes that use them stay in float. Use calibration data that reaches this part of the graph.");
    }

    /// <summary>MP2105 (warning): nodes with weights stay in float.</summary>
    public static Diagnostic NodesKept(string path, string precision, IEnumerable<string> nodes, IEnumerable<string> reasons)
    {
        var names = nodes.ToArray();
        return Warning("MP2105", path, $"{precision}: {Count(names.Length, "node stays", "nodes stay")} in float ({Some(names)}): {reasons.First().TrimEnd('.')}{(reasons.Skip(1).Any() ? ", and so for the others" : "")}. Choose another precision if the model must be smaller or faster; the manifest names them all.");
    }

    /// <summary>MP2106 (warning): weights cannot be held by half floats and stay as they are.</summary>
    public static Diagnostic HalfKept(string path, IEnumerable<string> tensors)
    {
        var names = tensors.ToArray();
        return Warning("MP2106", path, $"FP16 cannot hold the values of {Count(names.Length, "weight", "weights")} ({Some(names)}), which are above 65504 or all below 0.00006; they stay FP32 with the nodes that use them. Check the training run if these values are not meant.");
    }

    /// <summary>MP2107: a node that is to stay in float is not there.</summary>
    public static Diagnostic KeptNodeUnknown(string path, string label, string? nearest) =>
        Error("MP2107", path, $"KeepInFloat names the node '{label}', which is not in the model.{(nearest is null ? "" : $" Did you mean '{nearest}'?")} Use names as 'modelport inspect' lists them.");

    /// <summary>MP2108: a weight that is to be quantised holds NaN or infinity.</summary>
    public static Diagnostic WeightNonFinite(string path, string tensor) =>
        Error("MP2108", path, $"The weight '{tensor}' holds NaN or infinity; expected finite numbers. Get an undamaged model, or repair the training run.");

    /// <summary>MP2109 (warning): calibration never ran a body of If, Loop or Scan.</summary>
    public static Diagnostic BodyUnreached(string path, string precision, IEnumerable<string> bodies, string consequence)
    {
        var names = bodies.ToArray();
        return Warning("MP2109", path, $"{precision}: calibration never reached {Count(names.Length, "body", "bodies")} of If, Loop or Scan ({Some(names)}), so that nothing is known of the values there; {consequence}. Use calibration data that reaches it if your application does.");
    }

    /// <summary>MP2111 (warning): values in a Scan are ranged by their ends, whatever the method.</summary>
    public static Diagnostic ScanRanges(string path, string precision, IEnumerable<string> values, string method)
    {
        var names = values.ToArray();
        return Warning("MP2111", path, $"{precision}: {Count(names.Length, "value is", "values are")} computed inside a Scan ({Some(names)}), which can hand out the ends of what it computes and not the values: their ranges are from the least to the greatest, not by {method}. Use a model that is written with a Loop if the port misses its budget.");
    }

    /// <summary>MP2110: a graph that the runtime rewrote is no port.</summary>
    public static Diagnostic RewritingUnfit(string path, string found) =>
        Error("MP2110", path, $"The graph that ONNX Runtime made of this model cannot be its port: {found.TrimEnd('.')}. Expected the inputs and outputs of the model, and operators that every processor runs. Use another level of Optimize, or remove it.");

    private static string Count(int count, string one, string many) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : many)}");

    private static string Some(string[] names) => string.Join(", ", names.Take(3).Select(name => $"'{name}'")) + (names.Length > 3 ? " and others" : "");
}
