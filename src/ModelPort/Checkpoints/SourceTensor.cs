using System.Collections.Immutable;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Checkpoints;

/// <summary>A tensor of a checkpoint and the file it lies in.</summary>
/// <param name="File">The open safetensors file.</param>
/// <param name="Tensor">Its entry there.</param>
public sealed record SourceTensor(SafetensorsFile File, SafetensorsTensor Tensor)
{
    /// <summary>The tensor's name in the checkpoint.</summary>
    public string Name => Tensor.Name;

    /// <summary>Its dimensions, outermost first, as PyTorch lists them.</summary>
    public ImmutableArray<long> Shape => Tensor.Shape;

    /// <summary>Its element type.</summary>
    public SafetensorsType Type => Tensor.Type;
}
