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
    internal static Vector512<float> Value(Vector512<float> value) => Permute(
        Vector512.Create(113f, 89f, 69f, 53f, 38f, 25f, 13f, 1f, -10f, -22f, -35f, -49f, -65f, -83f, -104f, -127f), Leaf(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Index(Vector256<float> value) =>
        Vector256.ConvertToSingle(Vector256.Create(31) - Leaf(value, out _));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Value(Vector256<float> value)
    {
        Vector256<int> leaf = Leaf(value, out Vector256<float> below);
        Vector256<float> low = Permute(Vector256.Create(-10f, -22f, -35f, -49f, -65f, -83f, -104f, -127f), leaf);
        Vector256<float> high = Permute(Vector256.Create(113f, 89f, 69f, 53f, 38f, 25f, 13f, 1f), leaf);
        return Avx.IsSupported ? Avx.BlendVariable(high, low, below) : Vector256.ConditionalSelect(below, low, high);
    }

    /// <summary>Without wide permutes: twice the value, floored, in 16 bits, against all midpoints.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector128<float> A, Vector128<float> B) Indices(Vector128<float> a, Vector128<float> b) => Widen(Count(a, b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector128<float> A, Vector128<float> B) Values(Vector128<float> a, Vector128<float> b)
    {
        Vector128<sbyte> index = Vector128.Narrow(Count(a, b), Vector128<short>.Zero);
        Vector128<sbyte> values = Vector128.Shuffle(
            Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113), index);
        return Widen(Vector128.WidenLower(values));
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
    private static Vector256<int> Leaf(Vector256<float> value, out Vector256<float> below)
    {
        Vector256<float> upper = Vector256.Create(0f, -4.5f, 45.5f, -57f, 79f, 19f, -28.5f, -93.5f);
        Vector256<float> lower = Vector256.Create(101f, 61f, 31.5f, 7f, -16f, -42f, -74f, -115.5f);
        below = Vector256.LessThan(value, Vector256.Create(-4.5f));
        Vector256<int> node = Vector256.Create(2) - below.AsInt32();
        node = Step(value, node, Permute(upper, node));
        node = Step(value, node, Permute(upper, node));
        return Step(value, node, Permute(lower, node));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Step(Vector256<float> value, Vector256<int> node, Vector256<float> midpoint) =>
        node + node - Vector256.LessThan(value, midpoint).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Count(Vector128<float> a, Vector128<float> b)
    {
        Vector128<short> twice = Vector128.NarrowWithSaturation(Twice(a), Twice(b));

        // Twice a midpoint less one: above it lie the integers that reach the midpoint. Each mask is -1.
        Vector128<short> index = Reach(twice, -232);
        index += Reach(twice, -188);
        index += Reach(twice, -149);
        index += Reach(twice, -115);
        index += Reach(twice, -85);
        index += Reach(twice, -58);
        index += Reach(twice, -33);
        index += Reach(twice, -10);
        index += Reach(twice, 13);
        index += Reach(twice, 37);
        index += Reach(twice, 62);
        index += Reach(twice, 90);
        index += Reach(twice, 121);
        index += Reach(twice, 157);
        index += Reach(twice, 201);
        return -index;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Reach(Vector128<short> twice, [ConstantExpected] short below) =>
        Vector128.GreaterThan(twice, Vector128.Create(below));

    /// <summary>Floor of twice the value, between the limits of 16 bits; the upper one for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Twice(Vector128<float> value)
    {
        Vector128<float> twice = Vector128.Floor(value + value);
        twice = Vector128.ConditionalSelect(Vector128.LessThan(twice, Vector128.Create(512f)), twice, Vector128.Create(512f));
        return Vector128.ConvertToInt32Native(Vector128.ConditionalSelect(Vector128.GreaterThan(twice, Vector128.Create(-512f)), twice, Vector128.Create(-512f)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> A, Vector128<float> B) Widen(Vector128<short> values) =>
        (Vector128.ConvertToSingle(Vector128.WidenLower(values)), Vector128.ConvertToSingle(Vector128.WidenUpper(values)));
}
