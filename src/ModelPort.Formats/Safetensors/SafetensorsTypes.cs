using System.Collections.Frozen;

namespace ModelPort.Formats.Safetensors;

/// <summary>Names and sizes of the safetensors element types.</summary>
public static class SafetensorsTypes
{
    private static readonly FrozenDictionary<string, SafetensorsType> ByName =
        Enum.GetValues<SafetensorsType>().ToFrozenDictionary(type => type.ToString(), StringComparer.Ordinal);

    /// <summary>The name as it stands in a header, for example "BF16".</summary>
    public static string Name(SafetensorsType type) => type.ToString();

    /// <summary>The type with exactly this name; the format's names are upper case.</summary>
    public static bool TryParse(string name, out SafetensorsType type) => ByName.TryGetValue(name, out type);

    /// <summary>Bits per element; 4 and 6 for the types that share bytes.</summary>
    public static int Bits(SafetensorsType type) => type switch
    {
        SafetensorsType.F4 => 4,
        SafetensorsType.F6_E2M3 or SafetensorsType.F6_E3M2 => 6,
        SafetensorsType.BOOL or SafetensorsType.U8 or SafetensorsType.I8 or SafetensorsType.F8_E5M2 or SafetensorsType.F8_E4M3
            or SafetensorsType.F8_E8M0 or SafetensorsType.F8_E4M3FNUZ or SafetensorsType.F8_E5M2FNUZ => 8,
        SafetensorsType.I16 or SafetensorsType.U16 or SafetensorsType.F16 or SafetensorsType.BF16 => 16,
        SafetensorsType.I32 or SafetensorsType.U32 or SafetensorsType.F32 => 32,
        SafetensorsType.C64 or SafetensorsType.F64 or SafetensorsType.I64 or SafetensorsType.U64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Bytes of a whole tensor, or false if the size is no whole number of bytes or exceeds <see cref="long.MaxValue"/>.</summary>
    internal static bool TryGetByteLength(SafetensorsType type, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        if (!Shape.TryCount(shape, out long elements))
        {
            return false;
        }

        UInt128 bits = (UInt128)(ulong)elements * (ulong)Bits(type);
        if (bits % 8 != 0 || bits / 8 > long.MaxValue)
        {
            return false;
        }

        bytes = (long)(ulong)(bits / 8);
        return true;
    }
}
