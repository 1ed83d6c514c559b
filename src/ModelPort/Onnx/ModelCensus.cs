using System.Collections.Immutable;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx;

/// <summary>How often an operator stands in a model, in all its graphs and functions; a function's nodes count once, however often it is called.</summary>
/// <param name="Domain">The operator set; empty for the format's own.</param>
/// <param name="Operator">The operator.</param>
/// <param name="Count">Number of nodes.</param>
public sealed record OperatorCount(string Domain, string Operator, int Count);

/// <summary>The tensors of constant values of one kind.</summary>
/// <param name="Place">Where they stand.</param>
/// <param name="Body">In what kind of body.</param>
/// <param name="IsExternal">Whether the values are in a file of their own.</param>
/// <param name="Type">Element type, as the format spells it.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Values">Number of values.</param>
/// <param name="Bytes">Bytes of the values.</param>
public sealed record WeightCount(WeightPlace Place, BodyKind Body, bool IsExternal, string Type, int Tensors, long Values, long Bytes);

/// <summary>What a model is made of, counted: its operators, and where its weights are.</summary>
public sealed class ModelCensus
{
    private ModelCensus(ImmutableArray<OperatorCount> operators, ImmutableArray<WeightCount> weights, int bodies, long parameters)
    {
        Operators = operators;
        Weights = weights;
        Bodies = bodies;
        Parameters = parameters;
    }

    /// <summary>The operators, the most frequent first.</summary>
    public ImmutableArray<OperatorCount> Operators { get; }

    /// <summary>How many nodes of each operator there are, by the names that <see cref="NameOf"/> gives.</summary>
    public IReadOnlyDictionary<string, int> NodesByOperator => new SortedDictionary<string, int>(Operators.ToDictionary(o => NameOf(o.Domain, o.Operator), o => o.Count), StringComparer.Ordinal);

    /// <summary>The weights by place and type, the most bytes first.</summary>
    public ImmutableArray<WeightCount> Weights { get; }

    /// <summary>How many tensors of each type the weights are.</summary>
    public IReadOnlyDictionary<string, int> TensorTypes => Weights.GroupBy(w => w.Type).ToDictionary(g => g.Key, g => g.Sum(w => w.Tensors));

    /// <summary>Number of graphs and functions.</summary>
    public int Bodies { get; }

    /// <summary>Number of values in all tensors but those of INT64, booleans and strings, which hold shapes, positions and labels.</summary>
    public long Parameters { get; }

    /// <summary>An operator as manifests call it: one of another set than the standard one has the set's name before its own.</summary>
    /// <param name="domain">The operator set.</param>
    /// <param name="operatorType">The operator.</param>
    public static string NameOf(string domain, string operatorType) => Domains.Normal(domain) is { Length: > 0 } set ? $"{set}.{operatorType}" : operatorType;

    /// <summary>Counts a model. No weight is read.</summary>
    public static ModelCensus Of(OnnxModel model)
    {
        var bodies = model.Bodies();
        var weights = model.Weights().ToArray();
        return new ModelCensus(
            [.. bodies.SelectMany(body => body.Nodes)
                .GroupBy(node => (Domain: Domains.Normal(node.Domain), node.OpType))
                .Select(group => new OperatorCount(group.Key.Domain, group.Key.OpType, group.Count()))
                .OrderByDescending(count => count.Count)
                .ThenBy(count => (count.Domain, count.Operator), Comparer<(string, string)>.Create(Compare))],
            [.. weights.GroupBy(weight => (weight.Place, weight.Body.Kind, weight.IsExternal, weight.Type))
                .Select(group => new WeightCount(
                    group.Key.Place, group.Key.Kind, group.Key.IsExternal, DataTypes.Name(group.Key.Type), group.Count(), group.Sum(weight => weight.Count), group.Sum(weight => weight.ByteLength)))
                .OrderByDescending(count => count.Bytes)
                .ThenBy(count => count.Type, StringComparer.Ordinal)],
            bodies.Length,
            weights.Where(weight => weight.Type is not (DataType.Int64 or DataType.Bool or DataType.String)).Sum(weight => weight.Count));
    }

    private static int Compare((string, string) left, (string, string) right)
    {
        var domain = string.CompareOrdinal(left.Item1, right.Item1);
        return domain != 0 ? domain : string.CompareOrdinal(left.Item2, right.Item2);
    }
}
