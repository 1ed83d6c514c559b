namespace ModelPort.Formats.Gguf;

/// <summary>Sizes of metadata values.</summary>
internal static class GgufValueTypes
{
    /// <summary>Bytes of a scalar; 0 for strings, arrays and unknown types.</summary>
    public static int Bytes(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => 8,
        _ => 0,
    };
}
