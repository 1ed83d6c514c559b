using System.Collections.Frozen;

namespace ModelPort.Formats.Gguf;

/// <summary>Names and block sizes of the ggml types (ggml.c, type_traits; ggml-common.h, block structures).</summary>
public static class GgmlTypes
{
    private static readonly FrozenDictionary<string, GgmlType> ByName =
        Enum.GetValues<GgmlType>().ToFrozenDictionary(type => type.ToString(), StringComparer.OrdinalIgnoreCase);

    private static readonly (int Elements, int Bytes)[] Blocks = CreateBlocks();

    /// <summary>One more than the highest type id: GGML_TYPE_COUNT.</summary>
    public const uint Count = 43;

    /// <summary>Whether the id belongs to a type; those of removed types do not.</summary>
    public static bool IsKnown(GgmlType type) => (uint)type < Count && Blocks[(int)type].Bytes > 0;

    /// <summary>Elements in one block: 1 for plain numbers, 32, 64, 128 or 256 for quantised types.</summary>
    public static int BlockElements(GgmlType type) => Block(type).Elements;

    /// <summary>Bytes in one block.</summary>
    public static int BlockBytes(GgmlType type) => Block(type).Bytes;

    /// <summary>The name in upper case, for example "Q4_K".</summary>
    public static string Name(GgmlType type) => type.ToString();

    /// <summary>The type of a name in any case; numbers are not names.</summary>
    public static bool TryParse(string name, out GgmlType type) => ByName.TryGetValue(name, out type);

    /// <summary>Bytes of a row of <paramref name="elements"/> elements.</summary>
    /// <exception cref="ArgumentException">The row does not consist of whole blocks.</exception>
    public static long RowBytes(GgmlType type, long elements)
    {
        (int blockElements, int blockBytes) = Block(type);
        ArgumentOutOfRangeException.ThrowIfNegative(elements);
        return elements % blockElements == 0
            ? checked(elements / blockElements * blockBytes)
            : throw new ArgumentException(
                $"A row of {elements} elements does not consist of {Name(type)} blocks of {blockElements}.", nameof(elements));
    }

    /// <summary>Bytes of a whole tensor.</summary>
    /// <param name="type">The tensor's type.</param>
    /// <param name="shape">Dimensions in ggml order: the row length first. Empty for a scalar.</param>
    /// <exception cref="ArgumentException">The rows do not consist of whole blocks, or the size exceeds 2^63 - 1.</exception>
    public static long TensorBytes(GgmlType type, ReadOnlySpan<long> shape) => TryGetTensorBytes(type, shape, out long bytes)
        ? bytes
        : throw new ArgumentException(
            $"{Name(type)} of shape {Shape.Describe(shape)} has no size in whole blocks below 2^63 bytes.", nameof(shape));

    internal static bool TryGetTensorBytes(GgmlType type, ReadOnlySpan<long> shape, out long bytes)
    {
        (int blockElements, int blockBytes) = Block(type);
        bytes = 0;
        long row = shape.Length == 0 ? 1 : shape[0];
        if (!Shape.TryCount(shape, out long elements) || row % blockElements != 0 || elements / blockElements > long.MaxValue / blockBytes)
        {
            return false;
        }

        bytes = elements / blockElements * blockBytes;
        return true;
    }

    private static (int Elements, int Bytes) Block(GgmlType type) =>
        IsKnown(type) ? Blocks[(int)type] : throw new ArgumentOutOfRangeException(nameof(type), type, "No such ggml type.");

    private static (int Elements, int Bytes)[] CreateBlocks()
    {
        (int, int)[] blocks = new (int, int)[Count];
        blocks[(int)GgmlType.F32] = (1, 4);
        blocks[(int)GgmlType.F16] = (1, 2);
        blocks[(int)GgmlType.Q4_0] = (32, 18);
        blocks[(int)GgmlType.Q4_1] = (32, 20);
        blocks[(int)GgmlType.Q5_0] = (32, 22);
        blocks[(int)GgmlType.Q5_1] = (32, 24);
        blocks[(int)GgmlType.Q8_0] = (32, 34);
        blocks[(int)GgmlType.Q8_1] = (32, 36);
        blocks[(int)GgmlType.Q2_K] = (256, 84);
        blocks[(int)GgmlType.Q3_K] = (256, 110);
        blocks[(int)GgmlType.Q4_K] = (256, 144);
        blocks[(int)GgmlType.Q5_K] = (256, 176);
        blocks[(int)GgmlType.Q6_K] = (256, 210);
        blocks[(int)GgmlType.Q8_K] = (256, 292);
        blocks[(int)GgmlType.IQ2_XXS] = (256, 66);
        blocks[(int)GgmlType.IQ2_XS] = (256, 74);
        blocks[(int)GgmlType.IQ3_XXS] = (256, 98);
        blocks[(int)GgmlType.IQ1_S] = (256, 50);
        blocks[(int)GgmlType.IQ4_NL] = (32, 18);
        blocks[(int)GgmlType.IQ3_S] = (256, 110);
        blocks[(int)GgmlType.IQ2_S] = (256, 82);
        blocks[(int)GgmlType.IQ4_XS] = (256, 136);
        blocks[(int)GgmlType.I8] = (1, 1);
        blocks[(int)GgmlType.I16] = (1, 2);
        blocks[(int)GgmlType.I32] = (1, 4);
        blocks[(int)GgmlType.I64] = (1, 8);
        blocks[(int)GgmlType.F64] = (1, 8);
        blocks[(int)GgmlType.IQ1_M] = (256, 56);
        blocks[(int)GgmlType.BF16] = (1, 2);
        blocks[(int)GgmlType.TQ1_0] = (256, 54);
        blocks[(int)GgmlType.TQ2_0] = (256, 66);
        blocks[(int)GgmlType.MXFP4] = (32, 17);
        blocks[(int)GgmlType.NVFP4] = (64, 36);
        blocks[(int)GgmlType.Q1_0] = (128, 18);
        blocks[(int)GgmlType.Q2_0] = (64, 18);
        return blocks;
    }
}
