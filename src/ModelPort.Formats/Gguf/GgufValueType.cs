namespace ModelPort.Formats.Gguf;

/// <summary>Types of metadata values with the ids that GGUF files hold (docs/gguf.md of ggml, gguf_metadata_value_type).</summary>
public enum GgufValueType : uint
{
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8 = 0,

    /// <summary>Signed 8-bit integer.</summary>
    Int8 = 1,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16 = 2,

    /// <summary>Signed 16-bit integer.</summary>
    Int16 = 3,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32 = 4,

    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 5,

    /// <summary>IEEE 754 single.</summary>
    Float32 = 6,

    /// <summary>Boolean, one byte that is 0 or 1.</summary>
    Bool = 7,

    /// <summary>UTF-8 text with its length in 64 bits.</summary>
    String = 8,

    /// <summary>An array with the type and number of its elements.</summary>
    Array = 9,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64 = 10,

    /// <summary>Signed 64-bit integer.</summary>
    Int64 = 11,

    /// <summary>IEEE 754 double.</summary>
    Float64 = 12,
}
