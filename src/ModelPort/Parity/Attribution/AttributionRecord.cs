using System.Text.Json.Serialization;

namespace ModelPort.Parity.Attribution;

/// <summary>Which layer did it: where a port differs from its source, and what of that costs how much.</summary>
/// <param name="Header">The keys of the port's header that differ from those that the source gives.</param>
/// <param name="Weights">How far the port's weights are from the source's.</param>
public sealed record AttributionRecord(IReadOnlyList<HeaderDifference> Header, WeightErrors Weights)
{
    /// <summary>What each layer costs; null when nobody asked for it to be measured.</summary>
    public LayerCosts? Costs { get; init; }

    /// <summary>What each layer of a port of an ONNX model costs; null for another, and when nobody asked for it to be measured.</summary>
    public GraphCosts? Graph { get; init; }
}

/// <summary>What a key of a header decides.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HeaderPart>))]
public enum HeaderPart
{
    /// <summary>What the model computes: its architecture and hyperparameters.</summary>
    [JsonStringEnumMemberName("model")]
    Model,

    /// <summary>What a text becomes before the model sees it, and where a generation ends.</summary>
    [JsonStringEnumMemberName("tokenizer")]
    Tokenizer,

    /// <summary>Names, authors and the like, which change nothing that is measured.</summary>
    [JsonStringEnumMemberName("description")]
    Description,
}

/// <summary>A key whose value is not the one that the source gives.</summary>
/// <param name="Key">The key.</param>
/// <param name="Part">What it decides.</param>
/// <param name="Source">The value that the source gives; null for none.</param>
/// <param name="Port">The port's value; null when it lacks the key.</param>
public sealed record HeaderDifference(string Key, HeaderPart Part, string? Source, string? Port)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Key} is {Port ?? "absent"} instead of {Source ?? "absent"}";
}

/// <summary>The weights of a port against those of its source, value by value.</summary>
/// <param name="Matrices">Matrices that were compared; each expert of a stack is one. None of an ONNX model, whose weights are seen by what they do to its outputs.</param>
/// <param name="Largest">Those with the largest errors, the largest first; at most twenty.</param>
/// <param name="Unexplained">Those whose errors are larger than their type explains, the largest first; at most <see cref="MostNamed"/>.</param>
/// <param name="UnexplainedCount">How many of those there are.</param>
/// <param name="Missing">Tensors that only one of the two has, or that have another shape or a type that cannot be read.</param>
public sealed record WeightErrors(int Matrices, IReadOnlyList<MatrixError> Largest, IReadOnlyList<MatrixError> Unexplained, int UnexplainedCount, IReadOnlyList<string> Missing)
{
    /// <summary>So many matrices are named.</summary>
    internal const int MostNamed = 64;

    /// <summary>Of a model whose weights are not compared value by value.</summary>
    internal static WeightErrors None { get; } = new(0, [], [], 0, []);
}

/// <summary>What a matrix of a port lost.</summary>
/// <param name="Tensor">The tensor's name in GGUF.</param>
/// <param name="Expert">Which of the experts of a stack; null for a tensor that is no stack.</param>
/// <param name="Type">The port's type.</param>
/// <param name="Error">The sum of (x - y)^2 over the sum of x^2, x being the source's values and y the port's.</param>
/// <param name="Explained">The most that the type explains.</param>
public sealed record MatrixError(string Tensor, int? Expert, string Type, double Error, double Explained)
{
    /// <summary>Whether the type explains the error; an error that is no number is not explained.</summary>
    [JsonIgnore]
    public bool IsExplained => Error <= Explained;

    /// <summary>The tensor, and the expert of a stack.</summary>
    [JsonIgnore]
    public string Name => Expert is { } expert ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Tensor} (expert {expert})") : Tensor;
}

/// <summary>A change between a source and its port.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Layer>))]
public enum Layer
{
    /// <summary>The framework of origin gives way to llama.cpp, at the source's own precision.</summary>
    [JsonStringEnumMemberName("runtime")]
    Runtime,

    /// <summary>The port's header before the source's weights.</summary>
    [JsonStringEnumMemberName("header")]
    Header,

    /// <summary>The port's weights, as floats, behind the source's header, or in its graph.</summary>
    [JsonStringEnumMemberName("weights")]
    Weights,

    /// <summary>The port as it is, whose products are computed with the stored blocks, after header and weights.</summary>
    [JsonStringEnumMemberName("arithmetic")]
    Arithmetic,

    /// <summary>The form of a graph: operators of a newer set, BatchNormalization merged, calls expanded.</summary>
    [JsonStringEnumMemberName("graph")]
    Graph,

    /// <summary>The values between nodes in the port's precision, after its weights.</summary>
    [JsonStringEnumMemberName("values")]
    Values,

    /// <summary>What ONNX Runtime makes of a graph when an application loads it: its fusions, and the kernels that it chooses for this processor.</summary>
    [JsonStringEnumMemberName("kernels")]
    Kernels,

    /// <summary>A precision gives way to a smaller one.</summary>
    [JsonStringEnumMemberName("precision")]
    Precision,
}

/// <summary>What one change costs.</summary>
/// <param name="Layer">What changes.</param>
/// <param name="From">What it is before.</param>
/// <param name="To">What it is after.</param>
/// <param name="Divergence">Mean divergence, in nats; null when it was not measured.</param>
/// <param name="NotMeasured">Why it was not; null when it was.</param>
public sealed record LayerStep(Layer Layer, string From, string To, double? Divergence, string? NotMeasured = null);

/// <summary>Tensors whose values in the port were put into the source, and what that cost.</summary>
/// <param name="Tensors">The tensors: one, or in a deep model those of one name in neighbouring blocks.</param>
/// <param name="Divergence">Mean divergence from the source, in nats.</param>
/// <param name="Share">That as a part of the port's own divergence on the same windows; parts need not add up to 1.</param>
public sealed record TensorCost(IReadOnlyList<string> Tensors, double Divergence, double Share)
{
    /// <summary>The tensors in a few words.</summary>
    [JsonIgnore]
    public string Name => Tensors is [var only] ? only : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Tensors[0]} to {Tensors[^1]} ({Tensors.Count} tensors)");
}

/// <summary>What each layer of a port costs, one change at a time.</summary>
/// <param name="WindowLength">Tokens of a window.</param>
/// <param name="Windows">Windows that were evaluated for each change of header and weights.</param>
/// <param name="Divergence">The port's own divergence on these windows, in nats.</param>
/// <param name="Steps">The changes.</param>
/// <param name="Groups">Groups of tensors that were measured; those whose values are the source's own are not among them.</param>
/// <param name="Tensors">The groups that cost most, the dearest first; at most twenty.</param>
public sealed record LayerCosts(int WindowLength, int Windows, double Divergence, IReadOnlyList<LayerStep> Steps, int Groups, IReadOnlyList<TensorCost> Tensors);
