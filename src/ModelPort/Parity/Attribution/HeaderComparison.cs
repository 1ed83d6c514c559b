using System.Globalization;
using ModelPort.Formats.Gguf;
using ModelPort.Tokenizers;

namespace ModelPort.Parity.Attribution;

/// <summary>Compares two headers key by key. Keys that say how a file was quantised are no difference, and neither is a number of another width.</summary>
internal static class HeaderComparison
{
    private const string Architecture = "general.architecture";
    private const int Shown = 80;

    private static readonly HashSet<string> OfPrecision = ["general.file_type", "general.quantization_version", GgufMetadata.AlignmentKey];

    /// <summary>The keys that differ, in the order of the source's header; what only the port has comes last.</summary>
    /// <param name="source">The header that the plan makes for the source.</param>
    /// <param name="port">The port's.</param>
    public static IReadOnlyList<HeaderDifference> Of(GgufMetadata source, GgufMetadata port)
    {
        string[] architectures = [.. new[] { source, port }.Select(h => h.TryGetString(Architecture, out var name) ? name + "." : "").Where(n => n.Length > 0).Distinct()];
        return
        [
            .. from key in source.Concat(port).Select(k => k.Key).Distinct(StringComparer.Ordinal)
               where !OfPrecision.Contains(key) && !key.StartsWith("quantize.", StringComparison.Ordinal)
               let before = source.TryGet(key, out var s) ? s : null
               let after = port.TryGet(key, out var p) ? p : null
               where !IsSame(before, after)
               let texts = Describe(before, after)
               select new HeaderDifference(key, PartOf(key, architectures), texts.Source, texts.Port),
        ];
    }

    private static HeaderPart PartOf(string key, string[] architectures) =>
        key == Architecture || architectures.Any(a => key.StartsWith(a, StringComparison.Ordinal)) ? HeaderPart.Model
        : key.StartsWith("tokenizer.", StringComparison.Ordinal) ? HeaderPart.Tokenizer
        : HeaderPart.Description;

    private static bool IsSame(GgufValue? a, GgufValue? b) =>
        a is not null && b is not null
        && (a.Equals(b)
            || (a.TryGetInt64(out var i) && b.TryGetInt64(out var j) && i == j)
            || (a.TryGetDouble(out var x) && b.TryGetDouble(out var y) && (float)x == (float)y));

    private static (string? Source, string? Port) Describe(GgufValue? source, GgufValue? port)
    {
        if (source is not { Type: GgufValueType.Array } || port is not { Type: GgufValueType.Array })
        {
            return (Text(source), Text(port));
        }

        var shorter = Math.Min(source.Count, port.Count);
        var at = Enumerable.Range(0, shorter).FirstOrDefault(i => source.ElementText(i) != port.ElementText(i), shorter);
        return (Element(source, at), Element(port, at));
    }

    private static string Element(GgufValue array, int at) => string.Create(
        CultureInfo.InvariantCulture,
        $"{array.Count} values{(at < array.Count ? $", '{Cut(array.ElementText(at))}' at {at}" : "")}");

    private static string? Text(GgufValue? value) => value is { Type: GgufValueType.String } ? $"'{Cut(value.ToString())}'" : value?.ToString();

    private static string Cut(string text) => text.Length <= Shown ? text : SourceText.Whole(text[..Shown]) + "...";
}
