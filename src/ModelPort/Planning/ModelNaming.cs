using System.Globalization;
using System.Text.RegularExpressions;

namespace ModelPort.Planning;

/// <summary>The parts that a model's name is made of, by the habits of model hubs: organisation/Name-Size-Finetune-Version.</summary>
/// <param name="FullName">All but the organisation.</param>
/// <param name="Organization">What stands before the slash.</param>
/// <param name="BaseName">The words at the start; null when nothing else was recognised, as then every word could be anything.</param>
/// <param name="Finetune">Words such as Instruct.</param>
/// <param name="Version">For instance v0.2.</param>
/// <param name="SizeLabel">For instance 7B.</param>
public sealed partial record ModelNaming(string? FullName, string? Organization, string? BaseName, string? Finetune, string? Version, string? SizeLabel)
{
    [Flags]
    private enum Part
    {
        None = 0,
        BaseName = 1,
        SizeLabel = 2,
        Finetune = 4,
        Version = 8,
        Type = 16,
    }

    /// <summary>Takes a name apart.</summary>
    /// <param name="id">A folder name or hub id.</param>
    /// <param name="parameters">The model's parameter count, to tell sizes from context lengths.</param>
    public static ModelNaming Parse(string id, long parameters)
    {
        if (id.Contains(' ', StringComparison.Ordinal))
        {
            return new ModelNaming(id, null, null, null, null, null);
        }

        var slash = id.IndexOf('/', StringComparison.Ordinal);
        var organization = slash > 0 && id[0] != '.' ? id[..slash] : null;
        var fullName = id[(slash + 1)..];
        var words = fullName.Split('-', StringSplitOptions.RemoveEmptyEntries);
        var parts = words.Select((w, i) => Classify(w, i, parameters)).ToArray();
        DropWordSizes(parts);
        MarkBaseName(parts);
        string? Join(Func<Part, bool> which)
        {
            var chosen = parts.Where(p => which(p.Part)).Select(p => p.Word).ToArray();
            return chosen.Length == 0 ? null : string.Join('-', chosen);
        }

        var sizes = parts.Where(p => p.Part.HasFlag(Part.SizeLabel)).Select(p => p.Word).Distinct(StringComparer.Ordinal).ToArray();
        var size = sizes.Length == 0 ? null : string.Join('-', sizes);
        var finetune = Join(p => p.HasFlag(Part.Finetune));
        var version = Join(p => p.HasFlag(Part.Version) && !p.HasFlag(Part.BaseName));
        var ambiguous = size is null && finetune is null && version is null;
        return new ModelNaming(fullName, organization, ambiguous ? null : Join(p => p.HasFlag(Part.BaseName)), finetune, version, size);
    }

    /// <summary>A name in title case: words of small letters get a capital, versions and acronyms stay.</summary>
    public static string Title(string name) =>
        string.Join(' ', name.Trim().Replace('-', ' ').Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => IsLower(w) && !VersionOrNumber().IsMatch(w) ? Capitalize(w) : w));

    /// <summary>A parameter count with at least two digits and K, M, B or T: 3.7M, 8.0B, 494M.</summary>
    public static string SizeOf(long parameters)
    {
        var (scale, suffix) = parameters > 1e12 ? (1e-12, "T") : parameters > 1e9 ? (1e-9, "B") : parameters > 1e6 ? (1e-6, "M") : (1e-3, "K");
        var scaled = parameters * scale;
        var digits = Math.Round(scaled, MidpointRounding.ToEven).ToString(CultureInfo.InvariantCulture).TrimStart('0').Length;
        return scaled.ToString("F" + Math.Max(2 - digits, 0).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) + suffix;
    }

    private static (string Word, Part Part) Classify(string word, int index, long parameters)
    {
        if (VersionWord().IsMatch(word))
        {
            return (word, Part.Version);
        }

        if (TypeWord().IsMatch(word))
        {
            return (word.ToUpperInvariant(), Part.Type);
        }

        if (index > 0 && SizeWord().IsMatch(word))
        {
            return ClassifySize(word.Replace('_', '.'), parameters);
        }

        return index > 0 && FinetuneWord().IsMatch(word) ? (word, Part.Finetune) : (word, Part.None);
    }

    private static (string Word, Part Part) ClassifySize(string word, long parameters)
    {
        // "7b1" means 7.1 b
        if (char.IsDigit(word[^1]))
        {
            word = $"{word[..^2]}.{word[^1]}{word[^2]}";
        }

        if (word.Length > 1 && char.IsDigit(word[^2]) && "kmbt".Contains(word[^1], StringComparison.Ordinal))
        {
            word = word[..^1] + char.ToUpperInvariant(word[^1]);
        }

        var isNumber = double.TryParse(word[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
        var power = " KMBT".IndexOf(word[^1], StringComparison.Ordinal);
        if (parameters > 0 && isNumber && power >= 0 && Math.Abs(number * Math.Pow(1000, power) - parameters) > 7 * parameters / 8)
        {
            // Far from the real size: most likely a context length.
            return (word[..^1] + char.ToLowerInvariant(word[^1]), Part.Finetune);
        }

        return (word, Part.SizeLabel);
    }

    private static void DropWordSizes((string Word, Part Part)[] parts)
    {
        if (!parts.Any(p => p.Part.HasFlag(Part.SizeLabel) && p.Word.Any(char.IsDigit)))
        {
            return;
        }

        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].Part.HasFlag(Part.SizeLabel) && parts[i].Word.All(char.IsLetter))
            {
                parts[i].Part &= ~Part.SizeLabel;
            }
        }
    }

    private static void MarkBaseName((string Word, Part Part)[] parts)
    {
        var atStart = true;
        for (var i = 0; i < parts.Length; i++)
        {
            if (atStart && ((parts[i].Part == Part.None && char.IsLetter(parts[i].Word[0])) || parts[i].Part.HasFlag(Part.Version)))
            {
                parts[i].Part |= Part.BaseName;
                continue;
            }

            atStart = false;
            if (parts[i].Part == Part.None)
            {
                parts[i].Part = Part.Finetune;
            }
        }

        // A version at the end of the words is a version, not part of the name.
        for (var i = parts.Length - 1; i >= 0 && parts[i].Part.HasFlag(Part.BaseName) && parts[i].Part != Part.BaseName; i--)
        {
            parts[i].Part &= ~Part.BaseName;
        }
    }

    private static bool IsLower(string word) => word.Any(char.IsLower) && !word.Any(char.IsUpper);

    private static string Capitalize(string word)
    {
        var letters = word.ToCharArray();
        for (var i = 0; i < letters.Length; i++)
        {
            letters[i] = i == 0 || !char.IsLetter(letters[i - 1]) ? char.ToUpperInvariant(letters[i]) : char.ToLowerInvariant(letters[i]);
        }

        return new string(letters);
    }

    [GeneratedRegex(@"^(v|iter)?\d+([.]\d+)*$", RegexOptions.IgnoreCase)]
    private static partial Regex VersionWord();

    [GeneratedRegex(@"^(i?q\d(_\w)*|b?fp?(16|32))$", RegexOptions.IgnoreCase)]
    private static partial Regex TypeWord();

    [GeneratedRegex(@"^(([A]|\d+[x])?\d+([._]\d+)?[KMBT][\d]?|small|mini|medium|large|x?xl)$", RegexOptions.IgnoreCase)]
    private static partial Regex SizeWord();

    [GeneratedRegex("^(chat|instruct|vision|lora)$", RegexOptions.IgnoreCase)]
    private static partial Regex FinetuneWord();

    [GeneratedRegex(@"^(v\d+(?:\.\d+)*|\d.*)$")]
    private static partial Regex VersionOrNumber();
}
