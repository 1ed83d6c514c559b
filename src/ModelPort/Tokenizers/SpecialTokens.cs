using System.Text.Json;
using ModelPort.Checkpoints;

namespace ModelPort.Tokenizers;

/// <summary>Which tokens begin, end, pad and separate text, and which of them are added by themselves.</summary>
/// <remarks>
/// The token's text comes from tokenizer_config.json and its id from tokenizer.json's added tokens; config.json's ids fill gaps. What is added comes
/// from the template of the post-processor, overridden by add_X_token in tokenizer_config.json.
/// </remarks>
public sealed class SpecialTokens
{
    private readonly List<(string Role, int Id)> _ids = [];
    private readonly List<(string Role, bool Add)> _added = [];

    private SpecialTokens()
    {
    }

    /// <summary>The ids by role (bos, eos, unk, sep, pad, cls, mask, eot), in the order they were found.</summary>
    public IReadOnlyList<(string Role, int Id)> Ids => _ids;

    /// <summary>Whether a role's token is added to every text, for the roles whose files say so.</summary>
    public IReadOnlyList<(string Role, bool Add)> Added => _added;

    /// <summary>Whether BOS is put before every text.</summary>
    public bool AddsBos => _added.Any(a => a is ("bos", true));

    /// <summary>Reads the special tokens of a checkpoint.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="vocabularySize">Ids at or above it are left out.</param>
    public static SpecialTokens Read(Checkpoint checkpoint, long vocabularySize)
    {
        var tokens = new SpecialTokens();
        var files = checkpoint.Tokenizer;
        var texts = new Dictionary<string, string?>(StringComparer.Ordinal);
        List<string> roles = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"];
        foreach (var role in roles)
        {
            texts[role] = files.Config?.Token(role);
        }

        texts["bos"] ??= texts["cls"];
        texts["eos"] ??= texts["sep"];
        foreach (var processor in TokenizerStructure.Steps(files.Json?.PostProcessor, "processors").Where(p => TokenizerStructure.TypeOf(p) == "TemplateProcessing"))
        {
            tokens.ReadTemplate(processor, texts, roles);
        }

        foreach (var role in roles)
        {
            if (files.Config?.AddToken(role) is { } add)
            {
                tokens.SetAdded(role, add);
            }

            if (texts.GetValueOrDefault(role) is { } text && files.Json?.AddedTokens.FirstOrDefault(a => a.Content == text) is { } token)
            {
                tokens.SetId(role, token.Id, vocabularySize);
            }
        }

        foreach (var role in roles)
        {
            // Some configs list several ends of text; a list names no one token, and the reference converter passes over it too.
            if (checkpoint.Config.TryGetElement(out var id, role + "_token_id") && id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var number) && number >= 0)
            {
                tokens.SetId(role, number, vocabularySize);
            }
        }

        return tokens;
    }

    /// <summary>The id of a role's token, or null.</summary>
    public int? Find(string role) => _ids.Where(i => i.Role == role).Select(i => (int?)i.Id).FirstOrDefault();

    private void ReadTemplate(JsonElement processor, Dictionary<string, string?> texts, List<string> roles)
    {
        var single = Entries(processor, "single");
        var first = single.Length > 1 ? Special(single[0]) : null;
        var last = single.Length > 1 ? Special(single[^1]) : null;
        if (first is not null)
        {
            texts["bos"] ??= first;
            SetAdded("bos", first == texts["bos"] || first == texts["cls"]);
        }

        if (last is not null)
        {
            if (last != texts["eos"])
            {
                // The template ends with another token than the declared one: that one then ends a turn, not the text.
                roles.Add("eot");
                texts["eot"] = texts["eos"];
                texts["eos"] = last;
            }

            SetAdded("eos", true);
        }

        ReadPair(Entries(processor, "pair"), first, last, texts);
    }

    private void ReadPair(JsonElement[] pair, string? first, string? last, Dictionary<string, string?> texts)
    {
        var start = first is not null && pair.Length > 0 && Special(pair[0]) == first ? 1 : 0;
        var end = pair.Length - (last is not null && pair.Length > start && Special(pair[^1]) == last ? 1 : 0);
        if (end - start < 3 || Sequence(pair[start]) != "A" || Sequence(pair[end - 1]) != "B")
        {
            return;
        }

        // What stands between A and B separates them when it is the separator, or the end of text.
        var between = pair[(start + 1)..(end - 1)].Select(Special).ToArray();
        bool Separates(string? token) => token is not null && (token == texts["sep"] || token == texts["eos"]);
        var adds = (Separates(between[0]) && last is null) || (between.Length == 2 && Separates(between[1]));
        SetAdded("sep", adds);
        if (adds)
        {
            texts["sep"] ??= texts["eos"];
        }
    }

    private void SetId(string role, int id, long vocabularySize)
    {
        if (id < vocabularySize && Find(role) is null)
        {
            _ids.Add((role, id));
        }
    }

    private void SetAdded(string role, bool add)
    {
        var index = _added.FindIndex(a => a.Role == role);
        if (index < 0)
        {
            _added.Add((role, add));
        }
        else
        {
            _added[index] = (role, add);
        }
    }

    private static JsonElement[] Entries(JsonElement processor, string name) =>
        processor.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];

    private static string? Special(JsonElement entry) => Nested(entry, "SpecialToken");

    private static string? Sequence(JsonElement entry) => Nested(entry, "Sequence");

    private static string? Nested(JsonElement entry, string kind) =>
        entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty(kind, out var inner) ? TokenizerStructure.Text(inner, "id") : null;
}
