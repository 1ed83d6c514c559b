using System.Runtime.InteropServices;

namespace ModelPort.Formats.Onnx;

/// <summary>Values of tensor messages. The field that a type's values may stand in is the format's choice; <c>raw_data</c> serves all but strings.</summary>
internal static class Tensors
{
    public static string Describe(TensorProto tensor) => $"{DataTypes.Name(tensor.DataType)} of shape {Shape.Describe([.. tensor.Dims])}";

    public static bool IsExternal(TensorProto tensor) => tensor.DataLocation == DataLocation.External;

    /// <summary>How many bytes the values take as raw bytes, from type and shape alone.</summary>
    public static bool TryGetByteLength(TensorProto tensor, out long bytes) => DataTypes.TryGetByteLength(tensor.DataType, [.. tensor.Dims], out bytes);

    /// <summary>The field of this message that holds the values in typed form, with the number of bytes they are as raw data; (null, 0) if none does.</summary>
    public static (string? Field, long Bytes) TypedField(TensorProto tensor)
    {
        long perEntry = tensor.DataType switch
        {
            DataType.String => 0,
            _ => Math.Max(1, DataTypes.Bits(tensor.DataType) / 8),
        };
        return tensor.FloatData.Count > 0 ? ("float_data", 4L * tensor.FloatData.Count)
            : tensor.DoubleData.Count > 0 ? ("double_data", 8L * tensor.DoubleData.Count)
            : tensor.Int64Data.Count > 0 ? ("int64_data", 8L * tensor.Int64Data.Count)
            : tensor.Int32Data.Count > 0 ? ("int32_data", perEntry * tensor.Int32Data.Count)
            : tensor.Uint64Data.Count > 0 ? ("uint64_data", perEntry * tensor.Uint64Data.Count)
            : (null, 0);
    }

    /// <summary>The field that values of a type stand in when they are not raw.</summary>
    public static string FieldOf(DataType type) => type switch
    {
        DataType.Float or DataType.Complex64 => "float_data",
        DataType.Double or DataType.Complex128 => "double_data",
        DataType.Int64 => "int64_data",
        DataType.Uint32 or DataType.Uint64 => "uint64_data",
        DataType.String => "string_data",
        _ => "int32_data",
    };

    /// <summary>Values in typed fields as raw bytes: 16-bit floats are their bits in an integer, and each integer of a type below 8 bits is a packed byte.</summary>
    public static byte[] TypedBytes(TensorProto tensor) => tensor.DataType switch
    {
        DataType.Float or DataType.Complex64 => Bytes(tensor.FloatData),
        DataType.Double or DataType.Complex128 => Bytes(tensor.DoubleData),
        DataType.Int64 => Bytes(tensor.Int64Data),
        DataType.Uint64 => Bytes(tensor.Uint64Data),
        DataType.Uint32 => Bytes([.. tensor.Uint64Data.Select(value => (uint)value)]),
        DataType.Int32 => Bytes(tensor.Int32Data),
        _ when DataTypes.Bits(tensor.DataType) == 16 => Bytes([.. tensor.Int32Data.Select(value => (ushort)value)]),
        _ => [.. tensor.Int32Data.Select(value => (byte)value)],
    };

    /// <summary>Removes the values, wherever they are.</summary>
    public static void Clear(TensorProto tensor)
    {
        tensor.FloatData.Clear();
        tensor.DoubleData.Clear();
        tensor.Int64Data.Clear();
        tensor.Int32Data.Clear();
        tensor.Uint64Data.Clear();
        tensor.StringData.Clear();
        tensor.ExternalData.Clear();
        tensor.ClearDataLocation();
        tensor.ClearRawData();
        tensor.ClearContent();
    }

    private static byte[] Bytes<T>(IEnumerable<T> values) where T : unmanaged => MemoryMarshal.AsBytes<T>([.. values]).ToArray();
}
