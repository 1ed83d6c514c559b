using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Nearest entries of the table of IQ4_NL and IQ4_XS for whole registers.</summary>
/// <remarks>
/// The midpoints form a binary tree in heap order: from node n a value goes to 2n, or to 2n + 1 if it is below the node's midpoint.
/// Four steps from node 1 end at 31 - index. A register serves as the table, for a permute reads only the low bits of a node's number.
/// </remarks>
internal static class UnevenTable
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Index(Vector512<float> value) =>
        Vector512.ConvertToSingle(Vector512.Create(31) - Leaf(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Value(Vector512<float> value) => Entry(Leaf(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<float> Low, Vector512<float> High) Neighbours(Vector512<float> value)
    {
        Vector512<int> low = Leaf(value) - Vector512.GreaterThan(value, Vector512<float>.Zero).AsInt32();
        return (Entry(low), Entry(low - Vector512<int>.One));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Index(Vector256<float> value) =>
        Vector256.ConvertToSingle(Vector256.Create(31) - Leaf(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Value(Vector256<float> value) => Entry(Leaf(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector256<float> Low, Vector256<float> High) Neighbours(Vector256<float> value)
    {
        Vector256<int> low = Leaf(value) - Vector256.GreaterThan(value, Vector256<float>.Zero).AsInt32();
        return (Entry(low), Entry(low - Vector256<int>.One));
    }

    /// <summary>Without wide permutes a value is compared with every midpoint.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Index(Vector128<float> value) => Vector128.ConvertToSingle(Count(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Value(Vector128<float> value) => Entry(Count(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector128<float> Low, Vector128<float> High) Neighbours(Vector128<float> value)
    {
        Vector128<int> low = Count(value) + Vector128.GreaterThan(value, Vector128<float>.Zero).AsInt32();
        return (Entry(low), Entry(low + Vector128<int>.One));
    }

    /// <summary>The entry of a leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Entry(Vector512<int> leaf) => Permute(
        Vector512.Create(113f, 89f, 69f, 53f, 38f, 25f, 13f, 1f, -10f, -22f, -35f, -49f, -65f, -83f, -104f, -127f), leaf);

    /// <summary>The entry of a leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Entry(Vector256<int> leaf)
    {
        Vector256<float> low = Permute(Vector256.Create(-10f, -22f, -35f, -49f, -65f, -83f, -104f, -127f), leaf);
        Vector256<float> high = Permute(Vector256.Create(113f, 89f, 69f, 53f, 38f, 25f, 13f, 1f), leaf);

        // Bit 3 of the leaf tells the halves apart.
        Vector256<float> isLow = (leaf << 28).AsSingle();
        return Avx.IsSupported ? Avx.BlendVariable(high, low, isLow) : Vector256.ConditionalSelect((isLow.AsInt32() >> 31).AsSingle(), low, high);
    }

    /// <summary>The entry of an index: what a shuffle gives for the upper byte is a signed byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Entry(Vector128<int> index)
    {
        Vector128<sbyte> table = Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
        return Vector128.ConvertToSingle(Vector128.ShuffleNative(table, (index << 24).AsSByte()).AsInt32() >> 24);
    }

    /// <summary>Entries by the low four bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Permute(Vector512<float> table, Vector512<int> index) => Avx512F.IsSupported
        ? Avx512F.PermuteVar16x32(table, index)
        : Vector512.Shuffle(table, index & Vector512.Create(15));

    /// <summary>Entries by the low three bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Permute(Vector256<float> table, Vector256<int> index) => Avx2.IsSupported
        ? Avx2.PermuteVar8x32(table, index)
        : Vector256.Shuffle(table, index & Vector256.Create(7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Leaf(Vector512<float> value)
    {
        // Entry n is the midpoint of node n; entry 0 is never read.
        Vector512<float> tree = Vector512.Create(0f, -4.5f, 45.5f, -57f, 79f, 19f, -28.5f, -93.5f, 101f, 61f, 31.5f, 7f, -16f, -42f, -74f, -115.5f);
        Vector512<int> node = Vector512.Create(2) - Vector512.LessThan(value, Vector512.Create(-4.5f)).AsInt32();
        node = Step(value, node, Permute(tree, node));
        node = Step(value, node, Permute(tree, node));
        return Step(value, node, Permute(tree, node));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Step(Vector512<float> value, Vector512<int> node, Vector512<float> midpoint) =>
        node + node - Vector512.LessThan(value, midpoint).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Leaf(Vector256<float> value)
    {
        Vector256<float> upper = Vector256.Create(0f, -4.5f, 45.5f, -57f, 79f, 19f, -28.5f, -93.5f);
        Vector256<float> lower = Vector256.Create(101f, 61f, 31.5f, 7f, -16f, -42f, -74f, -115.5f);
        Vector256<int> node = Vector256.Create(2) - Vector256.LessThan(value, Vector256.Create(-4.5f)).AsInt32();
        node = Step(value, node, Permute(upper, node));
        node = Step(value, node, Permute(upper, node));
        return Step(value, node, Permute(lower, node));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Step(Vector256<float> value, Vector256<int> node, Vector256<float> midpoint) =>
        node + node - Vector256.LessThan(value, midpoint).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Count(Vector128<float> value)
    {
        // Each mask is -1: fifteen less the midpoints that lie above the value.
        Vector128<int> index = Vector128.Create(15);
        index += Below(value, -115.5f);
        index += Below(value, -93.5f);
        index += Below(value, -74f);
        index += Below(value, -57f);
        index += Below(value, -42f);
        index += Below(value, -28.5f);
        index += Below(value, -16f);
        index += Below(value, -4.5f);
        index += Below(value, 7f);
        index += Below(value, 19f);
        index += Below(value, 31.5f);
        index += Below(value, 45.5f);
        index += Below(value, 61f);
        index += Below(value, 79f);
        return index + Below(value, 101f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Below(Vector128<float> value, [ConstantExpected] float midpoint) =>
        Vector128.LessThan(value, Vector128.Create(midpoint)).AsInt32();
}
