using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Tests.Onnx;

/// <summary>Data files for single questions.</summary>
internal static class DataFiles
{
    public static string Write(string path, params (string Name, Array Values, long[] Shape)[] arrays)
    {
        using var writer = SafetensorsWriter.Create(path, arrays.Select(a => (a.Name, TypeOf(a.Values), a.Shape.ToImmutableArray())));
        foreach (var (name, values, _) in arrays)
        {
            writer.Write(name, Bytes(values));
        }

        writer.Complete();
        return path;
    }

    private static SafetensorsType TypeOf(Array values) => values switch
    {
        float[] => SafetensorsType.F32,
        double[] => SafetensorsType.F64,
        long[] => SafetensorsType.I64,
        byte[] => SafetensorsType.U8,
        _ => throw new ArgumentException(values.GetType().Name),
    };

    private static byte[] Bytes(Array values) => values switch
    {
        float[] singles => MemoryMarshal.AsBytes(singles.AsSpan()).ToArray(),
        double[] doubles => MemoryMarshal.AsBytes(doubles.AsSpan()).ToArray(),
        long[] integers => MemoryMarshal.AsBytes(integers.AsSpan()).ToArray(),
        _ => (byte[])values,
    };
}
