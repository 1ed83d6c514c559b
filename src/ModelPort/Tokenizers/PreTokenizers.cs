using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers;

/// <summary>
/// Decides which pre-tokenizer of llama.cpp splits text as a tokenizer.json does, from the file's structure: its split patterns and the flags that a
/// name implies in the loader. The reference converter instead looks up a hash of token ids, and fails on every fine-tune that added a token.
/// </summary>
public static class PreTokenizers
{
    // The parts of the patterns that families share.
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Tail = @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string UpperWord = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+";
    private const string LowerWord = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*";
    private const string SlashTail = @" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly Signature[] Signatures =
    [
        new("llama-bpe", $"Split {Words(3)}; ByteLevel", IgnoresMerges: true, AddsBos: true),
        new("dbrx", $"Split {Words(3)}; ByteLevel"),
        new("smaug-bpe", $"Split {Words(3)}; ByteLevel", AddsBos: false),
        new("deepseek-r1-qwen", $"Split {Words(1)}; ByteLevel", AddsBos: true),
        new("qwen2", $"Split {Words(1)}; ByteLevel"),
        new("tekken", $@"Split {UpperWord}|{LowerWord}|\p{{N}}|{SlashTail}; ByteLevel", IgnoresMerges: true, AddsBos: true),
        new("gpt-4o", $@"Split {UpperWord}{Contractions}?|{LowerWord}{Contractions}?|\p{{N}}{{1,3}}|{SlashTail}; ByteLevel"),
        new("starcoder", "Digits; ByteLevel+G"),
        new("gpt-2", "ByteLevel+G"),
        new("gpt-2", $"Split {Gpt2}; ByteLevel"),
    ];

    /// <summary>The names this version can decide on.</summary>
    public static IEnumerable<string> Names => Signatures.Select(s => s.Name).Distinct().Order(StringComparer.Ordinal);

    /// <summary>The value of <c>tokenizer.ggml.pre</c> for a tokenizer.</summary>
    /// <param name="json">The tokenizer.</param>
    /// <param name="addsBos">Whether its template begins with the BOS token.</param>
    /// <param name="path">The file an error points at.</param>
    /// <exception cref="ModelPortException">MP1022: none fits.</exception>
    public static string Detect(TokenizerJson json, bool addsBos, string path)
    {
        var structure = Describe(json.PreTokenizer);
        return Signatures.FirstOrDefault(s => s.Fits(structure, json.IgnoreMerges, addsBos))?.Name
            ?? throw new ModelPortException(Diagnose.PreTokenizerUnknown(path, structure.Length == 0 ? "it does not split at all" : structure, Names));
    }

    // Words of letters with one leading sign, digits in groups of at most `digits`, signs, blanks: GPT-4's pattern and its descendants.
    private static string Words(int digits) =>
        $@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{(digits == 1 ? "" : $"{{1,{digits}}}")}|{Tail}";

    private static string Describe(JsonElement? preTokenizer) =>
        string.Join("; ", TokenizerStructure.Steps(preTokenizer, "pretokenizers").Select(DescribeStep));

    private static string DescribeStep(JsonElement step) => TokenizerStructure.TypeOf(step) switch
    {
        "ByteLevel" when TokenizerStructure.Flag(step, "add_prefix_space", true) => "ByteLevel with a blank before the text",
        "ByteLevel" => TokenizerStructure.Flag(step, "use_regex", true) ? "ByteLevel+G" : "ByteLevel",
        "Digits" when TokenizerStructure.Flag(step, "individual_digits", false) => "Digits",
        "Split" when TokenizerStructure.Text(step, "behavior") == "Isolated"
            || (TokenizerStructure.Text(step, "behavior") == "Removed" && TokenizerStructure.Flag(step, "invert", false)) => "Split " + Pattern(step),
        _ => step.GetRawText(),
    };

    private static string Pattern(JsonElement step) =>
        step.TryGetProperty("pattern", out var pattern) && TokenizerStructure.Text(pattern, "Regex") is { } regex ? regex : step.GetRawText();

    /// <summary>What a name of llama.cpp stands for; null flags do not matter to the loader.</summary>
    private sealed record Signature(string Name, string Structure, bool IgnoresMerges = false, bool? AddsBos = null)
    {
        public bool Fits(string structure, bool ignoresMerges, bool addsBos) =>
            Structure == structure && IgnoresMerges == ignoresMerges && (AddsBos is null || AddsBos == addsBos);
    }
}
