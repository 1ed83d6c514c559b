namespace ModelPort.Formats.Safetensors;

/// <summary>Element types of the safetensors format. The members are spelled as the format spells them.</summary>
public enum SafetensorsType
{
    /// <summary>Boolean, one byte.</summary>
    BOOL,

    /// <summary>4-bit float E2M1.</summary>
    F4,

    /// <summary>6-bit float, 2 exponent and 3 mantissa bits.</summary>
    F6_E2M3,

    /// <summary>6-bit float, 3 exponent and 2 mantissa bits.</summary>
    F6_E3M2,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, no infinities.</summary>
    F8_E4M3,

    /// <summary>8-bit power of two, the scale of the microscaling formats.</summary>
    F8_E8M0,

    /// <summary>8-bit float E4M3, no negative zero, bias 8.</summary>
    F8_E4M3FNUZ,

    /// <summary>8-bit float E5M2, no negative zero, bias 16.</summary>
    F8_E5M2FNUZ,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE 754 half.</summary>
    F16,

    /// <summary>The upper half of an IEEE 754 single.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE 754 single.</summary>
    F32,

    /// <summary>Complex number of two singles.</summary>
    C64,

    /// <summary>IEEE 754 double.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}
