using System.Text;
using System.Text.Json;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>
/// Makes the steps that a tokenizer.json describes. What is not known, or not known to give the very same result, is refused by its name; a step is
/// never left out.
/// </summary>
internal static class ComponentReader
{
    /// <summary>The steps of "normalizer".</summary>
    /// <exception cref="TokenizerUncheckedException">A step is not reproduced exactly.</exception>
    public static Normalizer[] Normalizers(JsonElement? element) =>
        [.. Steps(element, "normalizers", "normalizer").Select(s => Normalizer(new Component("normalizer", s)))];

    /// <summary>The steps of "pre_tokenizer".</summary>
    /// <exception cref="TokenizerUncheckedException">A step is not reproduced exactly.</exception>
    public static PreTokenizer[] PreTokenizers(JsonElement? element) =>
        [.. Steps(element, "pretokenizers", "pre_tokenizer").Select(s => PreTokenizer(new Component("pre_tokenizer", s)))];

    /// <summary>The steps of "decoder".</summary>
    /// <exception cref="TokenizerUncheckedException">A step is not reproduced exactly.</exception>
    public static TokenDecoder[] Decoders(JsonElement? element) =>
        [.. Steps(element, "decoders", "decoder").Select(s => Decoder(new Component("decoder", s)))];

    /// <summary>What "post_processor" puts around a text.</summary>
    /// <exception cref="TokenizerUncheckedException">A step is not reproduced exactly.</exception>
    public static TextTemplate Template(JsonElement? element)
    {
        var components = Steps(element, "processors", "post_processor").Select(s => new Component("post_processor", s));
        // ByteLevel only moves offsets, which have no meaning here.
        var templates = components.Where(c => c.Type != "ByteLevel").Select(TextTemplate.Read).ToArray();
        return templates.Length <= 1
            ? templates.SingleOrDefault() ?? TextTemplate.None
            : throw new TokenizerUncheckedException("post_processor Sequence", "more than one of its steps adds tokens");
    }

    private static JsonElement[] Steps(JsonElement? element, string list, string owner)
    {
        var steps = TokenizerStructure.Steps(element, list).ToArray();
        return steps.Any(s => TokenizerStructure.TypeOf(s) == "Sequence")
            ? throw new TokenizerUncheckedException($"{owner} Sequence", "it has no list of steps, or is nested too deeply")
            : steps;
    }

    private static Normalizer Normalizer(Component step) => step.Type switch
    {
        "NFC" => Unicode(step, NormalizationForm.FormC),
        "NFD" => Unicode(step, NormalizationForm.FormD),
        "NFKC" => Unicode(step, NormalizationForm.FormKC),
        "NFKD" => Unicode(step, NormalizationForm.FormKD),
        "Lowercase" => new Normalizer.Lowercase(),
        "Strip" => new Normalizer.Strip(step.Flag("strip_left"), step.Flag("strip_right")),
        "StripAccents" => new Normalizer.StripAccents(),
        "Prepend" => new Normalizer.Prepend(step.Text("prepend")),
        "ByteLevel" => new Normalizer.ByteLevel(),
        "Replace" => new Normalizer.Replace(
            step.Pattern(), step.Text("content"), keepsStart: step.Literal?.EnumerateRunes().Count() == 1 && step.Text("content").Length > 0),
        _ => throw step.Unknown(),
    };

    private static Normalizer.Unicode Unicode(Component step, NormalizationForm form)
    {
        // Without ICU .NET leaves text as it is and does not say so.
        var works = "e\u0301".Normalize(NormalizationForm.FormC) == "\u00E9";
        return works ? new Normalizer.Unicode(form) : throw step.Refuse("this process runs without ICU (InvariantGlobalization), which normal forms need");
    }

    private static PreTokenizer PreTokenizer(Component step)
    {
        switch (step.Type)
        {
            case "ByteLevel":
                return new PreTokenizer.ByteLevel(step.Flag("add_prefix_space"), step.Flag("use_regex", true));
            case "Split":
                return new PreTokenizer.AtPattern(step.Pattern(), step.Behavior(null), step.Flag("invert"));
            case "Digits":
                return new PreTokenizer.AtPattern(
                    new CharacterPattern(CharacterClasses.IsNumeric), step.Flag("individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
            case "Punctuation":
                return new PreTokenizer.AtPattern(new CharacterPattern(LibraryUnicode.IsPunctuation), step.Behavior(SplitBehavior.Isolated));
            case "WhitespaceSplit":
                return new PreTokenizer.AtPattern(new CharacterPattern(CharacterClasses.IsSpace), SplitBehavior.Removed);
            case "Metaspace":
                return new PreTokenizer.Metaspace(step.Character("replacement"), step.MetaspacePrefix(), step.Flag("split", true));
            default:
                throw step.Unknown();
        }
    }

    private static TokenDecoder Decoder(Component step) => step.Type switch
    {
        "ByteLevel" => new TokenDecoder.ByteLevel(),
        "ByteFallback" => new TokenDecoder.ByteFallback(),
        "Fuse" => new TokenDecoder.Fuse(),
        "Strip" => new TokenDecoder.Strip(step.Character("content"), step.Count("start"), step.Count("stop")),
        "Replace" => new TokenDecoder.Replace(new Normalizer.Replace(step.Pattern(), step.Text("content"), false)),
        "Metaspace" => new TokenDecoder.Metaspace(step.Character("replacement"), step.MetaspacePrefix() != Pipeline.MetaspacePrefix.Never),
        _ => throw step.Unknown(),
    };
}
