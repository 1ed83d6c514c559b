using System.Collections.Immutable;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>What became of the values of one weight as half floats.</summary>
/// <param name="Name">The initialiser.</param>
/// <param name="Saturated">Values beyond 65504. If there is one, the tensor stays FP32: none is ever clamped.</param>
/// <param name="Underflowed">Values other than zero that became zero or lost bits (below 2^-14).</param>
/// <param name="Kept">Whether the tensor stays FP32.</param>
public sealed record HalfWeight(string Name, long Saturated, long Underflowed, bool Kept);

/// <summary>A value of the graph with the integers that stand for it.</summary>
/// <param name="Name">The value, or the weight.</param>
/// <param name="Type">Type of the integers (or 8-bit floats).</param>
/// <param name="Scale">What one step is worth; the greatest of a weight's channels.</param>
/// <param name="ZeroPoint">The integer that stands for 0.</param>
/// <param name="Channels">How many scales there are: 1, or one for each channel or block.</param>
public sealed record QuantisedTensor(string Name, DataType Type, float Scale, int ZeroPoint, long Channels);

/// <summary>What was done to a model, for its manifest.</summary>
/// <param name="Precision">Name of the precision.</param>
/// <param name="Hardware">Name of the target.</param>
/// <param name="Raise">The raise of the operators, or null.</param>
/// <param name="Operators">How many nodes of each operator were converted.</param>
/// <param name="Kept">The nodes that stay in float, and why.</param>
/// <param name="Weights">Weights and values that became integers or 8-bit floats.</param>
/// <param name="Halves">Weights that lost something, or all, as half floats; those that lost nothing are not listed.</param>
/// <param name="WeightBytesBefore">Bytes of all constant tensors of the source.</param>
/// <param name="WeightBytesAfter">Bytes of all constant tensors of the port.</param>
/// <param name="Notes">Further changes, in sentences.</param>
public sealed record OnnxTransformRecord(
    string Precision,
    string Hardware,
    OpsetRaise? Raise,
    ImmutableSortedDictionary<string, int> Operators,
    ImmutableArray<PlannedNode> Kept,
    ImmutableArray<QuantisedTensor> Weights,
    ImmutableArray<HalfWeight> Halves,
    long WeightBytesBefore,
    long WeightBytesAfter,
    ImmutableArray<string> Notes);

/// <summary>A changed model and what was done to it.</summary>
/// <param name="Model">The port. Its weights are computed while it is saved, from the source's files, so the source must stay open until then.</param>
/// <param name="Record">What was done.</param>
/// <param name="Warnings">What the user should know: nodes that stay in float, ranges of one value, weights that FP16 cannot hold.</param>
public sealed record OnnxTransformResult(OnnxModel Model, OnnxTransformRecord Record, ImmutableArray<Diagnostic> Warnings);
