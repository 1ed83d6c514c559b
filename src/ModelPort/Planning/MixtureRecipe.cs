using System.Collections.Immutable;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>
/// The type each tensor gets under a precision: the converter's rules for floats and Q8_0, llama-quantize's "use more bits" mixture (v0.5.0) for the
/// rest. Tensors that many values depend on get more bits than the base type.
/// </summary>
/// <param name="precision">The precision asked for.</param>
/// <param name="model">The model.</param>
/// <param name="choice">What the user decides over the recipe; null for nothing.</param>
public sealed class MixtureRecipe(Precision precision, RecipeModel model, TensorChoice? choice = null)
{
    private readonly Mixture _mixture = Mixture.Of(precision, model);
    private readonly IReadOnlyList<ChoiceRule> _rules = (choice ?? TensorChoice.None).Rules(model.HasOutput);

    // The mixture counts tensors of a kind in the order in which llama-quantize meets them, without those that the user decides.
    private int _valueTensors;
    private int _gateTensors;
    private int _upTensors;
    private int _downTensors;

    /// <summary>Types for all tensors of a model.</summary>
    /// <param name="tensors">Names and shapes (ggml's order), in any order.</param>
    public IReadOnlyList<TensorType> Choose(IReadOnlyList<(string Name, ImmutableArray<long> Shape)> tensors)
    {
        var types = new TensorType[tensors.Count];
        var values = tensors.Count(t => TensorRoles.Of(t.Name) == TensorRole.Value);
        foreach (var i in Enumerable.Range(0, tensors.Count).OrderBy(i => TensorNames.BlockOf(tensors[i].Name) ?? -1).ThenBy(i => tensors[i].Name, StringComparer.Ordinal))
        {
            var (name, shape) = tensors[i];
            var (wanted, why) = Wanted(name, shape, values);
            // An output matrix that the recipe decides gets 8 bits at once when its rows do not fill the base type's blocks.
            var tooNarrow = why == TensorType.Recipe && precision.UsesRecipe && IsHead(name) && !TypeFallback.Fits(precision.BaseType, shape[0]);
            types[i] = new TensorType(TypeFallback.Fit(tooNarrow ? GgmlType.Q8_0 : wanted, shape[0]), wanted, why);
        }

        return types;
    }

    private (GgmlType Type, string Why) Wanted(string name, ImmutableArray<long> shape, int values)
    {
        if (precision.UsesRecipe ? !TensorRoles.IsQuantisable(name, shape.AsSpan()) : ConverterKeepsFloat(name, shape))
        {
            return (GgmlType.F32, TensorType.Kept);
        }

        return _rules.FirstOrDefault(r => r.Applies(name)) is { } rule
            ? (rule.Type ?? precision.BaseType, rule.Name)
            : (precision.UsesRecipe ? OfRecipe(name, shape, values) : precision.BaseType, TensorType.Recipe);
    }

    private GgmlType OfRecipe(string name, ImmutableArray<long> shape, int values)
    {
        if (IsHead(name))
        {
            return model.IsFalcon || precision.BaseType == GgmlType.MXFP4 ? GgmlType.Q8_0 : _mixture.Head;
        }

        // MXFP4_MOE is for experts, whose matrices are stacked, and leaves the rest at 8 bits.
        if (precision.BaseType == GgmlType.MXFP4)
        {
            return shape.Length > 2 && shape[2] > 1 ? GgmlType.MXFP4 : GgmlType.Q8_0;
        }

        return TensorRoles.Of(name) switch
        {
            TensorRole.Embedding => _mixture.Embedding ?? precision.BaseType,
            TensorRole.Value => OfValue(new Place(_valueTensors++, values, model)),
            TensorRole.Key when model.HasEightExperts => _mixture.IsLowest ? GgmlType.Q4_K : GgmlType.Q8_0,
            TensorRole.Key => _mixture.Key ?? precision.BaseType,
            TensorRole.Query => _mixture.Query ?? precision.BaseType,
            TensorRole.AttentionOutput => _mixture.Output ?? precision.BaseType,
            TensorRole.Gate => First(_mixture.GateAndUp, InBlock(name, _gateTensors++)),
            TensorRole.Up => First(_mixture.GateAndUp, InBlock(name, _upTensors++)),
            TensorRole.Down => First(_mixture.Down, InBlock(name, _downTensors++)),
            _ => precision.BaseType,
        };
    }

    private bool IsHead(string name) => TensorRoles.Of(name) is var role && (role == TensorRole.Output || (role == TensorRole.Embedding && !model.HasOutput));

    // Attention is small beside eight experts, and value tensors are small beside the queries of a grouped 70 B model: bits cost little there.
    private GgmlType OfValue(Place place) => First(_mixture.Value, place) switch
    {
        var type when _mixture.IsLowest => type,
        _ when model.HasEightExperts => GgmlType.Q8_0,
        GgmlType.Q3_K or GgmlType.Q4_K when model.IsSeventyBillion => GgmlType.Q5_K,
        var type => type,
    };

    // A dense model is counted; with experts a block can have several tensors of a kind, so that its number is read from the name.
    private Place InBlock(string name, int index) =>
        new(model.Experts > 1 && !_mixture.IsLowest ? TensorNames.BlockOf(name) ?? index : index, model.Layers, model);

    private GgmlType First(PlaceRule[] rules, Place place) => rules.FirstOrDefault(r => r.Applies(place))?.Type ?? precision.BaseType;

    /// <summary>What the converter never narrows: vectors, biases, norms and router weights.</summary>
    private static bool ConverterKeepsFloat(string name, ImmutableArray<long> shape) =>
        shape.Length < 2
        || !name.EndsWith(".weight", StringComparison.Ordinal)
        || name.EndsWith("_norm.weight", StringComparison.Ordinal)
        || name.Contains("ffn_gate_inp.weight", StringComparison.Ordinal)
        || name is "position_embd.weight" or "token_types.weight";
}
