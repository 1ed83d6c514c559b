using System.Text.Json;

namespace ModelPort.Tokenizers;

/// <summary>Reads the nested steps of tokenizer.json: a step is alone, or in a sequence of steps.</summary>
internal static class TokenizerStructure
{
    private const int DeepestNesting = 16;

    /// <summary>The steps in order, sequences opened.</summary>
    /// <param name="element">The normalizer, pre_tokenizer, post_processor or decoder.</param>
    /// <param name="list">The name of a sequence's list there.</param>
    public static IEnumerable<JsonElement> Steps(JsonElement? element, string list) => Steps(element, list, 0);

    /// <summary>The type of a step.</summary>
    public static string TypeOf(JsonElement step) => Text(step, "type") ?? "";

    /// <summary>A text of a step, or null.</summary>
    public static string? Text(JsonElement step, string name) =>
        step.ValueKind == JsonValueKind.Object && step.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A truth value of a step, or a default.</summary>
    public static bool Flag(JsonElement step, string name, bool fallback) =>
        step.ValueKind == JsonValueKind.Object && step.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : fallback;

    private static IEnumerable<JsonElement> Steps(JsonElement? element, string list, int depth)
    {
        if (element is not { ValueKind: JsonValueKind.Object } step || depth > DeepestNesting)
        {
            return [];
        }

        return TypeOf(step) == "Sequence" && step.TryGetProperty(list, out var inner) && inner.ValueKind == JsonValueKind.Array
            ? inner.EnumerateArray().SelectMany(s => Steps(s, list, depth + 1))
            : [step];
    }
}
