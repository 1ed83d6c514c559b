using System.Globalization;
using System.Text;

namespace ModelPort.Parity.Tokenizers;

/// <summary>A text on which tokenizers are compared.</summary>
/// <param name="Class">What kind of text it is.</param>
/// <param name="Text">The text.</param>
public readonly record struct ClassedText(string Class, string Text);

/// <summary>The built-in texts on which tokenizers are known to disagree: hard-texts.txt, which ships with ModelPort.</summary>
public static class HardTexts
{
    /// <summary>The texts, in the order of the file.</summary>
    public static IReadOnlyList<ClassedText> All { get; } = Read();

    private static ClassedText[] Read()
    {
        using var stream = typeof(HardTexts).Assembly.GetManifestResourceStream("hard-texts.txt")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var texts = new List<ClassedText>();
        var current = "";
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('[') && line.EndsWith(']') && line.AsSpan(1, line.Length - 2).IndexOfAnyExceptInRange('a', 'z') < 0)
            {
                current = line[1..^1];
            }
            else if (line.Length > 0 && current.Length > 0)
            {
                texts.Add(new ClassedText(current, Unescape(line)));
            }
        }

        return [.. texts];
    }

    private static string Unescape(string line)
    {
        var text = new StringBuilder(line.Length);
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] != '\\')
            {
                text.Append(line[i]);
                continue;
            }

            i++;
            if (line[i] == 'u')
            {
                var end = line.IndexOf('}', i);
                text.Append(char.ConvertFromUtf32(int.Parse(line.AsSpan(i + 2, end - i - 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)));
                i = end;
            }
            else
            {
                text.Append(line[i] switch { 'n' => '\n', 'r' => '\r', 't' => '\t', '0' => '\0', 's' => ' ', _ => line[i] });
            }
        }

        return text.ToString();
    }
}
