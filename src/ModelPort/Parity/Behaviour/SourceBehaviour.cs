using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Checkpoints;
using ModelPort.Formats;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tokenizers;

namespace ModelPort.Parity.Behaviour;

/// <summary>What the files of a checkpoint say about tokens that steer the model.</summary>
internal sealed record SourceBehaviour
{
    /// <summary>The chat templates by name.</summary>
    public required IReadOnlyList<ChatTemplate> Templates { get; init; }

    /// <summary>The tokens that are matched in a text as a whole, with their ids; those of blanks alone are left out.</summary>
    public required IReadOnlyList<(string Text, int Id)> Whole { get; init; }

    /// <summary>The ids of roles (bos, eos, ...) that the tokenizer's files or config.json name.</summary>
    public required IReadOnlyDictionary<string, int> Roles { get; init; }

    /// <summary>Whether the tokenizer puts BOS before a text.</summary>
    public required bool AddsBos { get; init; }

    /// <summary>Whether the tokenizer puts EOS after a text.</summary>
    public required bool AddsEos { get; init; }

    /// <summary>The ids that end a generation: those of generation_config.json, else of config.json, else the tokenizer's EOS.</summary>
    public required ImmutableArray<long> Ends { get; init; }

    /// <summary>Every id that any of these files calls an end.</summary>
    public required IReadOnlySet<long> AnyEnds { get; init; }

    /// <summary>The file that names <see cref="Ends"/>.</summary>
    public required string EndsFile { get; init; }

    /// <summary>Reads the files.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="vocabularySize">Ids at or above it stand for no row of the model.</param>
    public static SourceBehaviour Read(Checkpoint checkpoint, int vocabularySize)
    {
        var special = SpecialTokens.Read(checkpoint, vocabularySize);
        var roles = special.Ids.DistinctBy(i => i.Role).ToDictionary(i => i.Role, i => i.Id, StringComparer.Ordinal);
        var generation = checkpoint.Generation?.EosTokenIds ?? [];
        var configured = Ids(checkpoint.Config, "eos_token_id");
        var tokenizer = roles.TryGetValue("eos", out var eos) ? ImmutableArray.Create((long)eos) : [];
        var (ends, file) = generation.Length > 0 ? (generation, "generation_config.json") : configured.Length > 0 ? (configured, "config.json") : (tokenizer, "tokenizer_config.json");
        return new SourceBehaviour
        {
            Templates = checkpoint.Tokenizer.ChatTemplates,
            Whole = [.. WholeTokens(checkpoint.Tokenizer).Where(t => t.Id < vocabularySize && !string.IsNullOrWhiteSpace(t.Text))],
            Roles = roles,
            // A SentencePiece tokenizer without tokenizer.json says nothing, and then adds BOS, in transformers as in llama.cpp.
            AddsBos = special.Added.Any(a => a.Role == "bos") ? special.AddsBos : checkpoint.Tokenizer.Json is null,
            AddsEos = special.Added.Any(a => a is ("eos", true)),
            Ends = [.. ends.Where(e => e >= 0 && e < vocabularySize).Distinct()],
            AnyEnds = new HashSet<long>([.. generation, .. configured, .. tokenizer]),
            EndsFile = file,
        };
    }

    private static IEnumerable<(string Text, int Id)> WholeTokens(TokenizerFiles files)
    {
        var added = files.Json?.AddedTokens ?? files.Config?.AddedTokensDecoder ?? [];
        var pieces = files.Json is null ? files.SentencePiece?.Pieces ?? [] : [];
        return added.Select(a => (a.Content, a.Id))
            .Concat(pieces.Select((p, id) => (p, id)).Where(p => p.p.Type is SentencePieceType.Control or SentencePieceType.UserDefined).Select(p => (p.p.Text, p.id)))
            .DistinctBy(t => t.Item1);
    }

    /// <summary>An id or a list of ids; what is neither names none.</summary>
    private static ImmutableArray<long> Ids(ConfigObject config, string name)
    {
        if (!config.TryGetElement(out var value, name))
        {
            return [];
        }

        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return [.. items.Where(i => i.ValueKind == JsonValueKind.Number && i.TryGetInt64(out _)).Select(i => i.GetInt64())];
    }
}
