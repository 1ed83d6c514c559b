using System.Globalization;
using System.Text;

namespace ModelPort.Build;

/// <summary>Several paths in one metadatum: semicolons between them, and <c>%XX</c> for characters of a path as everywhere in MSBuild.</summary>
internal static class PathList
{
    /// <summary>The paths of a list.</summary>
    public static IEnumerable<string> Read(string list) => list.Split(';').Select(path => Unescape(path.Trim())).Where(path => path.Length > 0);

    /// <summary>A list that reads back as these paths.</summary>
    public static string Write(IEnumerable<string> paths) => string.Join(";", paths.Select(path => path.Replace("%", "%25").Replace(";", "%3B")));

    private static string Unescape(string text)
    {
        StringBuilder plain = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && byte.TryParse(text.Substring(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                _ = plain.Append((char)value);
                i += 2;
            }
            else
            {
                _ = plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }
}
