using ModelPort.Formats.Gguf;

namespace ModelPort.Choosing;

/// <summary>How large a port may be whose types are chosen for it.</summary>
/// <param name="FileBytes">Bytes of the whole file (metadatum MaxSize); null for no limit.</param>
/// <param name="BitsPerWeight">Bits of all tensor data over the number of values, as llama.cpp counts them (metadatum TargetBitsPerWeight); null for no limit.</param>
public sealed record SizeTarget(long? FileBytes, double? BitsPerWeight)
{
    /// <summary>The bytes that the file may have; of two limits the lower one.</summary>
    /// <param name="layout">A layout of the same header and tensors, whatever their types.</param>
    internal long LimitFor(GgufLayout layout)
    {
        var values = layout.Tensors.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));
        var byWeight = BitsPerWeight is { } bits ? layout.DataOffset + (long)Math.Min(bits * values / 8, long.MaxValue / 2) : long.MaxValue;
        return Math.Min(FileBytes ?? long.MaxValue, byWeight);
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{FileBytes} {BitsPerWeight:R}");
}
