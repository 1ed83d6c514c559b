using System.Collections.Immutable;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>An input or output of a loaded model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsTensor">Whether it is a dense tensor; if not, it is a sequence, a map or optional, and the rest says nothing.</param>
/// <param name="Type">Element type.</param>
/// <param name="Dimensions">Dimensions, -1 for one that is open; empty for a scalar, or when the number of dimensions is unknown.</param>
/// <param name="DimensionNames">Names of open dimensions; empty where one has no name or is fixed.</param>
public sealed record OnnxPort(string Name, bool IsTensor, TensorType Type, ImmutableArray<long> Dimensions, ImmutableArray<string> DimensionNames)
{
    /// <inheritdoc/>
    public override string ToString() => IsTensor ? $"{Type} [{string.Join(", ", Dimensions.Zip(DimensionNames, Text))}]" : "no tensor";

    /// <summary>Whether a tensor can go in here.</summary>
    public bool Accepts(EngineTensor tensor)
    {
        var fits = IsTensor && tensor.Type == Type && (Dimensions.IsEmpty || tensor.Shape.Length == Dimensions.Length);
        for (var i = 0; fits && i < Dimensions.Length; i++)
        {
            fits = Dimensions[i] < 0 || Dimensions[i] == tensor.Shape[i];
        }

        return fits;
    }

    private static string Text(long dimension, string name) =>
        dimension >= 0 ? dimension.ToString(System.Globalization.CultureInfo.InvariantCulture) : name.Length > 0 ? name : "?";
}
