using ModelPort.Formats.Gguf;

namespace ModelPort.Choosing;

/// <summary>Types chosen for a size, and what they are expected to cost.</summary>
/// <param name="Table">What they were chosen from.</param>
/// <param name="LimitBytes">What the file may have.</param>
/// <param name="Divergence">The divergence of the port that is expected: the sum over the tensors of sensitivity times error, in nats.</param>
/// <param name="LeastDivergence">What no mix of the same candidates and that size can go below.</param>
/// <param name="Tensors">The tensors whose types were chosen, in the order of the file.</param>
public sealed record Mix(ErrorTable Table, long LimitBytes, double Divergence, double LeastDivergence, IReadOnlyList<MixTensor> Tensors)
{
    /// <summary>How far the mix is from the best one at most, as a part of it.</summary>
    public double Gap => LeastDivergence > 0 ? Divergence / LeastDivergence - 1 : 0;
}

/// <summary>A tensor whose type was chosen.</summary>
/// <param name="Tensor">Its name in GGUF.</param>
/// <param name="Type">The type.</param>
/// <param name="Error">The relative squared error of the type.</param>
/// <param name="Sensitivity">Divergence of the model for each unit of that error, in nats.</param>
public sealed record MixTensor(string Tensor, GgmlType Type, double Error, double Sensitivity);
