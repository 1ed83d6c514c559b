using System.Text.Json.Serialization;
using ModelPort.Onnx.Parity;

namespace ModelPort.Parity.Attribution;

/// <summary>What one change to an ONNX model does to its outputs. Of several outputs the one that is farthest counts.</summary>
/// <param name="Layer">What changes.</param>
/// <param name="From">What it is before.</param>
/// <param name="To">What it is after.</param>
/// <param name="Error">The relative output error from before to after, in percent; null when it was not measured.</param>
/// <param name="FromSource">The same from the source to after.</param>
/// <param name="CosineSimilarity">Mean cosine similarity of after to the source.</param>
/// <param name="Accuracy">Accuracy of after, in percent; null without labels of classes.</param>
/// <param name="NotMeasured">Why it was not measured; null when it was.</param>
public sealed record GraphStep(Layer Layer, string From, string To, double? Error, double? FromSource, double? CosineSimilarity, double? Accuracy, string? NotMeasured = null);

/// <summary>What each layer of a port of an ONNX model costs, one change after the other.</summary>
/// <param name="Samples">Samples that every model on the way was run on.</param>
/// <param name="Source">What the runtime's kernels do to the source itself.</param>
/// <param name="Steps">The changes from the source to the port as an application loads it. Errors of neighbouring steps need not add up: they may undo each other.</param>
/// <param name="Nodes">The nodes that add most error, the worst first; at most twenty.</param>
public sealed record GraphCosts(int Samples, GraphStep Source, IReadOnlyList<GraphStep> Steps, IReadOnlyList<LayerError> Nodes)
{
    /// <summary>How far the port's outputs are from the source's, in percent.</summary>
    [JsonIgnore]
    public double Error => Steps.Last(s => s.FromSource is not null).FromSource!.Value;
}
