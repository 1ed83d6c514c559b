using System.Text.Json;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>The tokens that are put around a text.</summary>
/// <param name="Parts">Token ids in order; null stands for the text.</param>
internal sealed record TextTemplate(IReadOnlyList<int?> Parts)
{
    /// <summary>The text alone.</summary>
    public static TextTemplate None { get; } = new([null]);

    /// <summary>Reads a step of "post_processor" that adds tokens.</summary>
    /// <exception cref="TokenizerUncheckedException">It is not reproduced exactly.</exception>
    public static TextTemplate Read(Component step) => step.Type switch
    {
        "TemplateProcessing" => new TextTemplate([.. step.Items("single").SelectMany(p => Part(step, p))]),
        // The JSON form of Rust's pairs: ["[CLS]", 101].
        "BertProcessing" or "RobertaProcessing" => new TextTemplate([Pair(step, "cls"), null, Pair(step, "sep")]),
        _ => throw step.Unknown(),
    };

    /// <summary>Puts the tokens around a text's.</summary>
    /// <param name="ids">The text's tokens.</param>
    /// <param name="addSpecial">Whether the template's own tokens are wanted.</param>
    public int[] Apply(IReadOnlyList<int> ids, bool addSpecial) =>
        [.. Parts.SelectMany(part => part is { } id ? addSpecial ? [id] : [] : ids)];

    private static int?[] Part(Component step, JsonElement part)
    {
        if (part.ValueKind == JsonValueKind.Object && part.TryGetProperty("Sequence", out var sequence))
        {
            return TokenizerStructure.Text(sequence, "id") == "A" ? [null] : throw step.Refuse("its template for one text names another");
        }

        var name = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("SpecialToken", out var special) ? TokenizerStructure.Text(special, "id") : null;
        return name is not null && step.Member("special_tokens") is { ValueKind: JsonValueKind.Object } tokens
            && tokens.TryGetProperty(name, out var token) && token.ValueKind == JsonValueKind.Object
            && token.TryGetProperty("ids", out var ids) && ids.ValueKind == JsonValueKind.Array
            ? ids.EnumerateArray().Select(id => (int?)Id(step, id)).ToArray()
            : throw step.Refuse($"its template names '{name}', whose ids are not given");
    }

    private static int Pair(Component step, string name) =>
        step.Items(name) is [{ ValueKind: JsonValueKind.String }, var id] ? Id(step, id) : throw step.Refuse($"'{name}' is no pair of token and id");

    private static int Id(Component step, JsonElement id) =>
        id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value) && value >= 0 ? value : throw step.Refuse("a token's id is no id");
}
