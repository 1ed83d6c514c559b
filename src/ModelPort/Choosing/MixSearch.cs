using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Choosing;

/// <summary>Chooses the types of a model's tensors so that the file has at most a given size and the least divergence is expected of it.</summary>
/// <param name="table">What each type loses.</param>
/// <param name="target">The size.</param>
/// <param name="choice">What the user has decided already.</param>
internal sealed class MixSearch(ErrorTable table, SizeTarget target, TensorChoice choice)
{
    private readonly Dictionary<string, TensorErrors> _errors = table.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);

    /// <summary>Chooses.</summary>
    /// <param name="source">The source, for messages.</param>
    /// <param name="layout">The file with other types: header, names and shapes.</param>
    /// <returns>The mix, and the type of every tensor of the layout.</returns>
    /// <exception cref="ModelPortException">MP2030: not even the smallest types are small enough.</exception>
    public (Mix Mix, IReadOnlyList<TensorType> Types) Run(string source, GgufLayout layout)
    {
        var rules = choice.Rules(layout.Tensors.Any(t => t.Name == "output.weight"));
        var types = layout.Tensors.Select(t => Given(t, rules)).ToArray();
        var open = Enumerable.Range(0, types.Length).Where(i => types[i] is null).ToArray();
        var given = layout.DataOffset + layout.Tensors.Select((t, i) => types[i] is { } type ? Bytes(layout, t, type.Type) : 0).Sum();
        var errors = open.Select(i => _errors[layout.Tensors[i].Name]).ToArray();
        var options = open.Select((t, i) => errors[i].Errors.Select(e => new KnapsackOption(Bytes(layout, layout.Tensors[t], e.Type), errors[i].Sensitivity * e.Error)).ToArray()).ToArray();
        var limit = target.LimitFor(layout);
        var chosen = Knapsack.Solve(options, limit - given)
            ?? throw new ModelPortException(Diagnose.SizeTooSmall(source, limit, given + options.Sum(o => o.Min(x => x.Bytes))));
        for (var i = 0; i < open.Length; i++)
        {
            var type = errors[i].Errors[chosen.Picks[i]].Type;
            types[open[i]] = new TensorType(type, type, TensorType.Size);
        }

        // What the user has decided costs too, where it is among the candidates.
        var mix =
            from i in Enumerable.Range(0, types.Length)
            let tensor = layout.Tensors[i]
            where _errors.ContainsKey(tensor.Name)
            let found = _errors[tensor.Name]
            let error = found.Errors.FirstOrDefault(e => e.Type == types[i]!.Value.Type)
            where error is not null
            select new MixTensor(tensor.Name, error.Type, error.Error, found.Sensitivity);
        MixTensor[] tensors = [.. mix];
        var divergence = tensors.Sum(t => t.Error * t.Sensitivity);
        return (new Mix(table, limit, divergence, divergence - (chosen.Cost - chosen.LowerBound), tensors), [.. types.Select(t => t!.Value)]);
    }

    private static TensorType? Given(GgufTensor tensor, IReadOnlyList<ChoiceRule> rules)
    {
        if (!TensorRoles.IsQuantisable(tensor.Name, tensor.Shape.AsSpan()))
        {
            return new TensorType(GgmlType.F32, GgmlType.F32, TensorType.Kept);
        }

        return rules.FirstOrDefault(r => r.Applies(tensor.Name)) is { Type: { } wanted } rule
            ? new TensorType(TypeFallback.Fit(wanted, tensor.Shape[0]), wanted, rule.Name)
            : null;
    }

    private static long Bytes(GgufLayout layout, GgufTensor tensor, GgmlType type) =>
        (GgmlTypes.TensorBytes(type, tensor.Shape.AsSpan()) + layout.Alignment - 1) / layout.Alignment * layout.Alignment;
}
