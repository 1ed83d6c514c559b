using System.Collections.Immutable;

namespace ModelPort.Formats.Safetensors;

/// <summary>Where a tensor stands in a safetensors file.</summary>
/// <param name="Name">Name of the tensor, unique in its file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions, the slowest varying first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="ByteLength">Size in bytes.</param>
public sealed record SafetensorsTensor(string Name, SafetensorsType Type, ImmutableArray<long> Shape, long Offset, long ByteLength)
{
    /// <summary>Number of elements: the product of the dimensions, 1 for a scalar.</summary>
    public long ElementCount => Formats.Shape.TryCount(Shape.AsSpan(), out long count)
        ? count
        : throw new InvalidOperationException($"The shape of '{Name}' has more elements than a 64-bit number counts.");
}
