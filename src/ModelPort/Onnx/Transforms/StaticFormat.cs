using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>How values and weights of measured ranges are written for a target: their types, the steps between two integers, and the nodes and constants that say so.</summary>
/// <param name="graph">The model.</param>
internal sealed class StaticFormat(GraphContext graph)
{
    /// <summary>
    /// How much of E4M3's range a value's greatest magnitude takes: 36 of 448. Within the range the error is the same wherever a value lies; above it
    /// values are cut off, and calibration seldom sees the greatest. The factor is that of NVIDIA's Model Optimizer (448/127 of the INT8 scale).
    /// </summary>
    public const float Float8Top = 127f * 127f / Float8.Largest;

    /// <summary>Whether integers are 8-bit floats.</summary>
    public bool IsFloat8 { get; } = graph.Request.Precision == OnnxPrecision.FP8;

    /// <summary>Whether ONNX Runtime's kernels of integers run the port.</summary>
    public bool ForProcessor => !IsFloat8 && graph.Request.Hardware.IsProcessor;

    /// <summary>The type of values.</summary>
    public DataType Activations => IsFloat8 ? DataType.Float8E4M3Fn : graph.Request.Hardware.Activations;

    /// <summary>The type of weights.</summary>
    public DataType Weights => IsFloat8 ? DataType.Float8E4M3Fn : DataType.Int8;

    /// <summary>Scale and zero point of values.</summary>
    /// <param name="measured">The range that they had.</param>
    public (float Scale, int ZeroPoint) StepOf(ValueRange measured)
    {
        var range = measured.WithZero;
        var magnitude = Math.Max(-range.Min, range.Max);
        if (IsFloat8)
        {
            return (Positive(magnitude / Float8Top), 0);
        }

        if (graph.Request.Hardware.IsSymmetric)
        {
            return (QuantisedWeight.Scale(magnitude), 0);
        }

        var scale = Positive((float)(((double)range.Max - range.Min) / 255));
        var zero = (int)Math.Clamp(Math.Round(-range.Min / (double)scale), 0, 255);
        return (scale, Activations == DataType.Int8 ? zero - 128 : zero);
    }

    /// <summary>The scale of weights.</summary>
    /// <param name="magnitude">The greatest magnitude of the channel.</param>
    public float WeightScale(float magnitude) => IsFloat8 ? Positive(magnitude / Float8.Largest) : QuantisedWeight.Scale(magnitude, graph.Request.Hardware.LargestWeight);

    /// <summary>Adds the way back from integers to floats to a body, and gives the floats' name.</summary>
    public static string Dequantised(OnnxBody body, string integers, string scale, string zero, string floats, long? axis = null)
    {
        var back = NodeAttributes.Node("DequantizeLinear", zero.Length > 0 ? [integers, scale, zero] : [integers, scale], [floats]);
        body.Nodes.Add(axis is { } along ? back.Set("axis", along) : back);
        return floats;
    }

    /// <summary>A constant of a scale, which values of a body share.</summary>
    public string ScaleName(OnnxBody body, float scale) => graph.Shared(body, "s", DataType.Float, [], BitConverter.GetBytes(scale));

    /// <summary>A constant of a zero point, which values of a body share.</summary>
    public string ZeroName(OnnxBody body, int zeroPoint) => graph.Shared(body, "z", Activations, [], (byte)zeroPoint);

    private static float Positive(float scale) => scale > 0 && float.IsFinite(1 / scale) ? scale : 1;
}
