using System.Collections.Immutable;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>What is done with a node.</summary>
/// <param name="Label">Its name, or its operator and first output (<see cref="NodeOrder.Label"/>).</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Body">The body that it stands in.</param>
/// <param name="Converted">Whether it computes in the precision; if not, it stays in float.</param>
/// <param name="Reason">Why it stays in float; empty if it does not.</param>
public sealed record PlannedNode(string Label, string Operator, string Body, bool Converted, string Reason);

/// <summary>Operators that were rewritten because the precision needs a newer version of the standard operators.</summary>
/// <param name="From">The version that the model came in.</param>
/// <param name="To">The version that it has now.</param>
public sealed record OpsetRaise(long From, long To);

/// <summary>
/// Every decision about a model that can be made before data is read. Nodes that compute no floats are not in it, as no precision touches them.
/// </summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Source">The model that was given.</param>
/// <param name="Model">
/// The same model in the form that the decisions speak of: functions expanded, constants as initialisers, operators raised, BatchNormalization merged into
/// convolutions where the precision wants it. It computes what the source computes (merged weights round in their last bit), and ranges are to be
/// measured on it. It reads the source's files, so the source must stay open.
/// </param>
/// <param name="Raise">The raise of the operators, or null.</param>
/// <param name="Nodes">What is done with each node.</param>
/// <param name="Ranges">The values of <paramref name="Model"/>, in its graph and in bodies of If, Loop and Scan, whose ranges are needed (or, for FP16, are useful).</param>
/// <param name="Notes">What was changed to get <paramref name="Model"/>, in sentences.</param>
public sealed record OnnxTransformPlan(
    OnnxTransformRequest Request,
    OnnxModel Source,
    OnnxModel Model,
    OpsetRaise? Raise,
    ImmutableArray<PlannedNode> Nodes,
    ImmutableArray<string> Ranges,
    ImmutableArray<string> Notes);
