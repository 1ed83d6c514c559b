using System.Collections.Immutable;

namespace ModelPort.Onnx.Transforms;

/// <summary>What is to be made of an ONNX model.</summary>
/// <param name="Precision">The precision.</param>
public sealed record OnnxTransformRequest(OnnxPrecision Precision)
{
    /// <summary>What the model will run on.</summary>
    public OnnxHardware Hardware { get; init; } = OnnxHardware.Cpu;

    /// <summary>Whether quantised values have zero in the middle of their range.</summary>
    public bool IsSymmetric => Precision == OnnxPrecision.FP8 || Hardware.IsSymmetric;

    /// <summary>Labels (<see cref="Formats.Onnx.NodeOrder.Label"/>) of nodes that stay in float, because measurements said so or the user did.</summary>
    public ImmutableHashSet<string> KeepInFloat { get; init; } = [];

    /// <summary>Weights of one scale in MatMulNBits: 16, 32, 64, 128 or 256.</summary>
    public int BlockSize { get; init; } = 32;

    /// <summary>Whether blocks of INT4 have no zero point. Blocks of INT8 never have one: 8 bits gain nothing by it.</summary>
    public bool SymmetricBlocks { get; init; }

    /// <summary>accuracy_level of MatMulNBits; null for what the hardware wants.</summary>
    public int? AccuracyLevel { get; init; }

    /// <summary>Whether inputs and outputs of the model keep their types under FP16.</summary>
    public bool KeepInputsAndOutputs { get; init; } = true;
}
