using System.Collections.Immutable;

namespace ModelPort.Formats.Gguf;

/// <summary>Where a tensor stands in a GGUF file.</summary>
/// <param name="Name">Name of the tensor, unique in its file.</param>
/// <param name="Type">Element or block type.</param>
/// <param name="Shape">Dimensions in ggml order (ne): the fastest varying, the row length, first.</param>
/// <param name="Offset">First byte, counted from the start of the data section.</param>
/// <param name="ByteLength">Size in bytes without padding.</param>
public sealed record GgufTensor(string Name, GgmlType Type, ImmutableArray<long> Shape, long Offset, long ByteLength);
