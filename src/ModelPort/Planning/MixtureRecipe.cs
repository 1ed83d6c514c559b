using System.Collections.Immutable;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>What the recipe knows of a model.</summary>
/// <param name="Architecture">The value of general.architecture.</param>
/// <param name="Layers">Number of blocks.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key and value heads.</param>
/// <param name="HasOutput">Whether there is an output.weight beside the embedding.</param>
public sealed record RecipeModel(string Architecture, int Layers, int Heads, int KeyValueHeads, bool HasOutput);

/// <summary>
/// The type each tensor gets under a precision: the converter's rules for floats and Q8_0, llama-quantize's "use more bits" mixture (v0.5.0) for the
/// rest. Tensors that many values depend on get more bits than the base type.
/// </summary>
/// <param name="precision">The precision asked for.</param>
/// <param name="model">The model.</param>
public sealed class MixtureRecipe(Precision precision, RecipeModel model)
{
    // The mixture counts tensors of a kind in the order in which llama-quantize meets them.
    private int _valueTensors;
    private int _downTensors;

    /// <summary>Types for all tensors of a model.</summary>
    /// <param name="tensors">Names and shapes (ggml's order), in any order.</param>
    /// <returns>For each tensor its type, and the type that was wanted when its rows do not fit that one.</returns>
    public IReadOnlyList<(GgmlType Type, GgmlType Wanted)> Choose(IReadOnlyList<(string Name, ImmutableArray<long> Shape)> tensors)
    {
        var types = new (GgmlType, GgmlType)[tensors.Count];
        var values = tensors.Count(t => IsValue(t.Name));
        foreach (var i in Enumerable.Range(0, tensors.Count).OrderBy(i => TensorNames.BlockOf(tensors[i].Name) ?? -1).ThenBy(i => tensors[i].Name, StringComparer.Ordinal))
        {
            var (name, shape) = tensors[i];
            var wanted = KeepsFloat(name, shape) ? GgmlType.F32 : Wanted(name, shape, values);
            types[i] = (Fit(wanted, shape[0]), wanted);
        }

        return types;
    }

    /// <summary>Whether a tensor is never quantised: vectors, norms, biases and router weights stay F32.</summary>
    private static bool KeepsFloat(string name, ImmutableArray<long> shape) =>
        shape.Length < 2
        || !name.EndsWith(".weight", StringComparison.Ordinal)
        || name.EndsWith("_norm.weight", StringComparison.Ordinal)
        || name.Contains("ffn_gate_inp.weight", StringComparison.Ordinal)
        || name is "position_embd.weight" or "token_types.weight";

    private GgmlType Wanted(string name, ImmutableArray<long> shape, int valueTensors)
    {
        var type = precision.BaseType;
        if (!precision.UsesRecipe)
        {
            return type;
        }

        if (name == "output.weight" || (name == "token_embd.weight" && !model.HasOutput))
        {
            return Fit(type, shape[0]) == type ? GgmlType.Q6_K : GgmlType.Q8_0;
        }

        if (IsValue(name))
        {
            return OfValue(type, _valueTensors++, valueTensors);
        }

        return name.EndsWith("ffn_down.weight", StringComparison.Ordinal) ? OfDown(type, _downTensors++) : type;
    }

    private GgmlType OfValue(GgmlType type, int index, int count)
    {
        var chosen = precision.Name switch
        {
            "Q4_K_M" or "Q5_K_M" when UsesMoreBits(index, count) => GgmlType.Q6_K,
            "Q4_K_S" when index < 4 => GgmlType.Q5_K,
            _ => type,
        };

        // The "70B" rule: with 80 blocks and grouped heads the value tensors are small and shared by many query heads.
        return model.Architecture == "llama" && model.Layers == 80 && model.Heads != model.KeyValueHeads && chosen is GgmlType.Q3_K or GgmlType.Q4_K
            ? GgmlType.Q5_K
            : chosen;
    }

    private GgmlType OfDown(GgmlType type, int index) => precision.Name switch
    {
        "Q4_K_M" or "Q5_K_M" when UsesMoreBits(index, model.Layers) => GgmlType.Q6_K,
        "Q4_K_S" when index < model.Layers / 8 => GgmlType.Q5_K,
        _ => type,
    };

    /// <summary>The first and last eighth of the layers, and every third between them.</summary>
    private static bool UsesMoreBits(int index, int count) => index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2;

    private static bool IsValue(string name) =>
        name.EndsWith("attn_v.weight", StringComparison.Ordinal)
        || name.EndsWith("attn_qkv.weight", StringComparison.Ordinal)
        || name.EndsWith("attn_kv_b.weight", StringComparison.Ordinal);

    /// <summary>The type itself when rows of that length fit its blocks, else the one that llama-quantize falls back to.</summary>
    private static GgmlType Fit(GgmlType type, long rowLength)
    {
        if (rowLength % GgmlTypes.BlockElements(type) == 0)
        {
            return type;
        }

        var smaller = type switch
        {
            GgmlType.Q4_K => GgmlType.Q5_0,
            GgmlType.Q5_K => GgmlType.Q5_1,
            GgmlType.Q6_K => GgmlType.Q8_0,
            _ => GgmlType.F16,
        };
        return rowLength % GgmlTypes.BlockElements(smaller) == 0 ? smaller : GgmlType.F16;
    }
}
