using System.Collections.Frozen;
using ModelPort.Formats.Gguf;
using static ModelPort.Formats.Gguf.GgmlType;

namespace ModelPort.Planning;

/// <summary>A tensor's place among those of its role.</summary>
/// <param name="Index">Which one it is, from 0.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Model">The model.</param>
internal readonly record struct Place(int Index, int Count, RecipeModel Model);

/// <summary>A type, and the places that get it.</summary>
internal sealed record PlaceRule(GgmlType Type, Func<Place, bool> Applies);

/// <summary>
/// Where a precision departs from its base type: a row of the table in llama-quantize v0.5.0 (llama-quant.cpp). The first rule that applies
/// decides; where none does, a tensor gets the base type.
/// </summary>
internal sealed record Mixture
{
    private static readonly Mixture Plain = new();
    private static readonly Mixture FourBitUneven = new() { Value = [new(Q5_K, Grouped)], Down = [new(Q5_K, FirstEighthUnweighted)], OutputOfEight = Q5_K };
    private static readonly Mixture Ternary = new() { Embedding = Q4_K };
    private static readonly Mixture TwoBits = new()
    {
        IsLowest = true,
        Head = Q5_K,
        Embedding = Q2_K,
        Value = [new(Q4_K, Grouped), new(Q4_K, OfManyExperts), new(Q2_K, Everywhere)],
        Down = [new(Q2_K, FirstEighth)],
        OutputOfEight = Q5_K,
    };

    private static readonly Mixture TwoBitsAndAHalf = TwoBits with
    {
        Embedding = IQ3_S,
        Value = [new(Q4_K, Grouped), new(Q4_K, OfManyExperts), new(IQ3_S, Everywhere)],
        Down = [new(IQ3_S, FirstEighth)],
        Output = IQ3_S,
    };

    private static readonly Mixture OneBit = TwoBits with { Output = IQ2_XXS };

    private static readonly FrozenDictionary<string, Mixture> Table = new Dictionary<string, Mixture>
    {
        ["Q2_K"] = new()
        {
            Value = [new(Q4_K, Grouped), new(Q3_K, Everywhere)],
            Down = [new(Q3_K, Everywhere)],
            Output = Q3_K,
            OutputOfEight = Q5_K,
        },
        ["Q2_K_S"] = new() { Value = [new(Q4_K, Grouped)], Down = [new(Q4_K, FirstEighth)] },
        ["Q3_K_S"] = new() { OutputOfEight = Q5_K },
        ["Q3_K_M"] = new()
        {
            Value = [new(Q5_K, FirstTwo), new(Q4_K, Everywhere)],
            Down = [new(Q5_K, FirstSixteenth), new(Q4_K, Everywhere)],
            Output = Q4_K,
            OutputOfEight = Q5_K,
        },
        ["Q3_K_L"] = new() { Value = [new(Q5_K, Everywhere)], Down = [new(Q5_K, Everywhere)], Output = Q5_K },
        ["Q4_0"] = new() { Down = [new(Q4_1, FirstEighthWeighted)] },
        ["Q5_0"] = new() { Down = [new(Q5_1, FirstEighthWeighted)] },
        ["Q4_K_S"] = new() { Value = [new(Q5_K, FirstFour)], Down = [new(Q5_K, FirstEighth)], OutputOfEight = Q5_K },
        ["Q4_K_M"] = new() { Value = [new(Q6_K, UsesMoreBits)], Down = [new(Q6_K, UsesMoreBits)], OutputOfEight = Q5_K },
        ["Q5_K_M"] = new() { Value = [new(Q6_K, UsesMoreBits)], Down = [new(Q6_K, UsesMoreBits)] },
        ["IQ1_S"] = OneBit,
        ["IQ1_M"] = OneBit,
        ["IQ2_XXS"] = TwoBits,
        ["IQ2_XS"] = TwoBits,
        ["IQ2_S"] = TwoBitsAndAHalf,
        ["IQ2_M"] = TwoBitsAndAHalf,
        ["IQ3_XXS"] = new()
        {
            Head = Q5_K,
            Embedding = IQ3_S,
            Query = IQ2_S,
            Key = IQ2_S,
            Value = [new(Q4_K, Grouped)],
            Output = IQ3_S,
            OutputOfEight = Q5_K,
        },
        ["IQ3_XS"] = new()
        {
            Query = IQ3_XXS,
            Key = IQ3_XXS,
            Value = [new(Q4_K, Grouped)],
            GateAndUp = [new(IQ3_XXS, Middle)],
            OutputOfEight = Q5_K,
        },
        ["IQ3_S"] = new() { Value = [new(Q4_K, Grouped)], OutputOfEight = Q5_K },
        ["IQ3_M"] = new()
        {
            Value = [new(Q4_K, Everywhere)],
            Down = [new(Q4_K, FirstEighth), new(Q4_K, OfEightExperts)],
            Output = Q4_K,
            OutputOfEight = Q5_K,
        },
        ["IQ4_NL"] = FourBitUneven,
        ["IQ4_XS"] = FourBitUneven,
        ["TQ1_0"] = Ternary,
        ["TQ2_0"] = Ternary,
    }.ToFrozenDictionary();

    // Falcon's feed-forward layers stand beside attention, and its down-projections bear fewer bits.
    private static readonly FrozenDictionary<string, PlaceRule[]> FalconDown = new Dictionary<string, PlaceRule[]>
    {
        ["Q3_K_M"] = [new(Q5_K, FirstSixteenth), new(Q4_K, UsesMoreBits)],
        ["Q3_K_L"] = [new(Q4_K, Everywhere)],
        ["Q4_K_S"] = [],
        ["Q4_K_M"] = [new(Q6_K, FirstSixteenth), new(Q5_K, UsesMoreBits)],
    }.ToFrozenDictionary();

    /// <summary>Rules for values and fused queries, keys and values.</summary>
    public PlaceRule[] Value { get; init; } = [];

    /// <summary>The type of queries; null for the base type.</summary>
    public GgmlType? Query { get; init; }

    /// <summary>The type of keys; null for the base type.</summary>
    public GgmlType? Key { get; init; }

    /// <summary>Rules for gates and up-projections.</summary>
    public PlaceRule[] GateAndUp { get; init; } = [];

    /// <summary>Rules for down-projections.</summary>
    public PlaceRule[] Down { get; init; } = [];

    /// <summary>The type of the projection behind attention; null for the base type.</summary>
    public GgmlType? Output { get; init; }

    /// <summary>The same in a model of eight experts, whose attention is small beside them.</summary>
    public GgmlType? OutputOfEight { get; init; }

    /// <summary>The type of an embedding beside an output matrix; null for the base type.</summary>
    public GgmlType? Embedding { get; init; }

    /// <summary>The type of the output matrix, and of an embedding that serves as one.</summary>
    public GgmlType Head { get; init; } = Q6_K;

    /// <summary>
    /// Whether the precision is one of the lowest, which llama-quantize treats apart: what holds for all others of eight experts, of 70 B models and
    /// of Falcon does not hold for them.
    /// </summary>
    public bool IsLowest { get; init; }

    /// <summary>The row of a precision for a model.</summary>
    public static Mixture Of(Precision precision, RecipeModel model)
    {
        var mixture = Table.GetValueOrDefault(precision.Name, Plain);
        if (!model.IsFalcon || mixture.IsLowest)
        {
            return model.HasEightExperts ? mixture with { Output = mixture.OutputOfEight } : mixture;
        }

        return mixture with
        {
            Down = FalconDown.GetValueOrDefault(precision.Name, mixture.Down),
            Output = precision.Name == "Q3_K_L" ? Q4_K : null,
        };
    }

    private static bool Everywhere(Place place) => true;

    private static bool FirstTwo(Place place) => place.Index < 2;

    private static bool FirstFour(Place place) => place.Index < 4;

    private static bool FirstSixteenth(Place place) => place.Index < place.Count / 16;

    private static bool FirstEighth(Place place) => place.Index < place.Count / 8;

    private static bool FirstEighthWeighted(Place place) => place.Model.HasImportance && FirstEighth(place);

    private static bool FirstEighthUnweighted(Place place) => !place.Model.HasImportance && FirstEighth(place);

    private static bool Middle(Place place) => place.Index >= place.Count / 8 && place.Index < 7 * place.Count / 8;

    /// <summary>Four query heads or more share a value head: the value tensor is small, and much depends on it.</summary>
    private static bool Grouped(Place place) => place.Model.KeyValueHeads > 0 && place.Model.Heads / place.Model.KeyValueHeads >= 4;

    /// <summary>The first and last eighth, and every third between them.</summary>
    private static bool UsesMoreBits(Place place) =>
        place.Index < place.Count / 8 || place.Index >= 7 * place.Count / 8 || (place.Index - place.Count / 8) % 3 == 2;

    private static bool OfManyExperts(Place place) => place.Model.Experts >= 4;

    private static bool OfEightExperts(Place place) => place.Model.HasEightExperts && UsesMoreBits(place);
}
