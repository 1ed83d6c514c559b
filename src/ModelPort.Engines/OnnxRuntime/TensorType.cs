namespace ModelPort.Engines.OnnxRuntime;

/// <summary>
/// Element types of tensors that go into models and come out of them, with the numbers of the ONNX format (DataType there). Inside a model there are
/// more: 8-bit floats and types below 8 bits, which ONNX Runtime does not hand over to .NET.
/// </summary>
public enum TensorType
{
    /// <summary>IEEE 754 single.</summary>
    Float = 1,

    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8 = 2,

    /// <summary>Signed 8-bit integer.</summary>
    Int8 = 3,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16 = 4,

    /// <summary>Signed 16-bit integer.</summary>
    Int16 = 5,

    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 6,

    /// <summary>Signed 64-bit integer.</summary>
    Int64 = 7,

    /// <summary>Text.</summary>
    String = 8,

    /// <summary>Boolean, one byte.</summary>
    Bool = 9,

    /// <summary>IEEE 754 half.</summary>
    Float16 = 10,

    /// <summary>IEEE 754 double.</summary>
    Double = 11,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32 = 12,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64 = 13,

    /// <summary>The upper half of an IEEE 754 single.</summary>
    BFloat16 = 16,
}
