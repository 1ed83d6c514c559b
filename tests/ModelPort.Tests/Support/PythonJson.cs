using System.Globalization;
using System.Text;
using ModelPort.Formats.Gguf;

namespace ModelPort.Tests.Support;

/// <summary>Writes values as Python's json.dumps(value, ensure_ascii=False) does: the golden files hold hashes of that text.</summary>
internal static class PythonJson
{
    public static string List(GgufValue array)
    {
        var text = new StringBuilder("[");
        void Items<T>(ReadOnlySpan<T> items, Func<T, string> format)
        {
            foreach (var item in items)
            {
                text.Append(text.Length > 1 ? ", " : "").Append(format(item));
            }
        }

        if (array.TryGetArray<string>(out var strings))
        {
            Items(strings, Text);
        }
        else if (array.TryGetArray<int>(out var integers))
        {
            Items(integers, i => i.ToString(CultureInfo.InvariantCulture));
        }
        else if (array.TryGetArray<float>(out var floats))
        {
            Items(floats, f => Real(f));
        }
        else
        {
            throw new NotSupportedException($"an array of {array.ElementType}");
        }

        return text.Append(']').ToString();
    }

    public static string Real(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text;
    }

    private static string Text(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        }

        return text.Append('"').ToString();
    }
}
