using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>A node and what is done with it.</summary>
/// <param name="Body">The body that it stands in.</param>
/// <param name="Node">The node.</param>
/// <param name="Reason">Why it stays in float; empty if it is converted.</param>
internal sealed record NodeDecision(OnnxBody Body, NodeProto Node, string Reason)
{
    public bool Converted => Reason.Length == 0;

    public PlannedNode Plan() => new(NodeOrder.Label(Node), Node.OpType, Body.Path, Converted, Reason);
}

/// <summary>One precision at work on one model: it decides first, and rewrites then what it decided.</summary>
internal abstract class PrecisionTransform(GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges)
{
    /// <summary>Why a node stays in float that the user named.</summary>
    public const string Asked = "KeepInFloat names it";

    protected GraphContext Graph { get; } = graph;

    /// <summary>The ranges of values; null while they are not known yet.</summary>
    protected IReadOnlyDictionary<string, ValueRange>? Ranges { get; } = ranges;

    /// <summary>What is done with each node that the precision is about.</summary>
    public List<NodeDecision> Decisions { get; } = [];

    /// <summary>The values whose ranges are wanted, of the main graph and of bodies whose values can be measured.</summary>
    public virtual IEnumerable<string> Wanted => [];

    /// <summary>Weights that lost something as half floats.</summary>
    public virtual IReadOnlyList<HalfWeight> Halves => [];

    /// <summary>How many weights stand in another form after the rewrite.</summary>
    public virtual int ChangedWeights => Graph.Quantised.Count;

    /// <summary>What the user should know.</summary>
    public List<Diagnostic> Warnings { get; } = [];

    /// <summary>What the manifest says besides, in sentences.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Decides about every node.</summary>
    public abstract void Decide();

    /// <summary>Changes the model.</summary>
    public abstract void Rewrite();

    protected bool IsKept(NodeProto node) => Graph.Request.KeepInFloat.Contains(NodeOrder.Label(node));
}
