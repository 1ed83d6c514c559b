using System.Numerics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;

namespace ModelPort.Onnx.Parity;

/// <summary>Outputs as numbers that can be compared.</summary>
internal static class OutputValues
{
    /// <summary>The values of a tensor; null for strings.</summary>
    public static double[]? Of(EngineTensor tensor) => tensor.Type switch
    {
        TensorType.Float => Widened(tensor.As<float>()),
        TensorType.Double => tensor.As<double>().ToArray(),
        TensorType.Float16 => Widened(tensor.As<Half>()),
        TensorType.BFloat16 => [.. tensor.As<ushort>().ToArray().Select(bits => (double)BitConverter.UInt32BitsToSingle((uint)bits << 16))],
        TensorType.Int8 => Widened(tensor.As<sbyte>()),
        TensorType.UInt8 or TensorType.Bool => Widened(tensor.As<byte>()),
        TensorType.Int16 => Widened(tensor.As<short>()),
        TensorType.UInt16 => Widened(tensor.As<ushort>()),
        TensorType.Int32 => Widened(tensor.As<int>()),
        TensorType.UInt32 => Widened(tensor.As<uint>()),
        TensorType.Int64 => Widened(tensor.As<long>()),
        TensorType.UInt64 => Widened(tensor.As<ulong>()),
        _ => null,
    };

    /// <summary>The values of an output of the samples that count in a run, as the model may have computed more; null for what is no tensor of numbers.</summary>
    /// <param name="value">The output.</param>
    /// <param name="run">The run.</param>
    /// <param name="batch">Samples that the model computed.</param>
    public static double[]? Of(EngineValue value, SampleRun run, long batch) => value is not EngineTensor tensor || Of(tensor) is not { } values ? null
        : run.Count < batch && values.Length % batch == 0 ? values[..(int)(values.Length / batch * run.Count)]
        : values;

    /// <summary>The values of a tensor of real numbers as singles, wider ones rounded; null for other tensors.</summary>
    public static float[]? Singles(EngineTensor tensor) => tensor.Type switch
    {
        TensorType.Float => tensor.As<float>().ToArray(),
        _ when IsReal(tensor.Type) => Array.ConvertAll(Of(tensor)!, value => (float)value),
        _ => null,
    };

    /// <summary>Whether a type is one of real numbers, of which the largest can be an answer.</summary>
    public static bool IsReal(TensorType? type) => type is TensorType.Float or TensorType.Double or TensorType.Float16 or TensorType.BFloat16;

    private static double[] Widened<T>(ReadOnlySpan<T> values)
        where T : unmanaged, INumberBase<T>
    {
        var result = new double[values.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = double.CreateChecked(values[i]);
        }

        return result;
    }
}
