using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Consecutive blocks of a tensor, at most as many as a kernel takes at once.</summary>
/// <param name="values">The first block's values.</param>
/// <param name="blocks">Number of blocks.</param>
/// <param name="firstBlock">Number of the first block, counted from the start of a row.</param>
/// <param name="importance">A row of importance, which repeats, or nothing.</param>
/// <param name="destination">Receives the blocks.</param>
internal readonly unsafe ref struct Batch(float* values, int blocks, int firstBlock, ReadOnlySpan<float> importance, Span<byte> destination)
{
    internal readonly float* Values = values;
    internal readonly int Blocks = blocks;
    internal readonly int FirstBlock = firstBlock;
    internal readonly ReadOnlySpan<float> Importance = importance;
    internal readonly Span<byte> Destination = destination;

    internal bool Weighted => !Importance.IsEmpty;

    /// <summary>The values of one block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ReadOnlySpan<float> BlockValues(int block, int elements) => new(Values + (block * elements), elements);

    /// <summary>The importance of one block, or nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ReadOnlySpan<float> BlockImportance(int block, int elements) =>
        Weighted ? Importance.Slice((int)((long)(FirstBlock + block) * elements % Importance.Length), elements) : default;

    /// <summary>Where one block goes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> Block(int block, int bytes) => Destination.Slice(block * bytes, bytes);
}
