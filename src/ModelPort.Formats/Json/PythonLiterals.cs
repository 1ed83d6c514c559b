using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Json;

/// <summary>Python's json module writes NaN, Infinity and -Infinity bare, which JSON forbids.</summary>
internal static class PythonLiterals
{
    public static readonly double[] Values = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
    public static readonly string[] Names = ["NaN", "Infinity", "-Infinity"];

    /// <summary>Puts the bare literals between quotes, so that a JSON parser reads them as strings. False if there are none.</summary>
    public static bool TryQuote(ReadOnlySpan<byte> json, [NotNullWhen(true)] out byte[]? quoted)
    {
        ArrayBufferWriter<byte> writer = new(json.Length + 64);
        bool any = false;
        int position = 0;
        while (position < json.Length)
        {
            int length = json[position] == (byte)'"' ? StringLength(json[position..]) : LiteralLength(json[position..]);
            if (length > 0 && json[position] != (byte)'"')
            {
                any = true;
                writer.Write("\""u8);
                writer.Write(json.Slice(position, length));
                writer.Write("\""u8);
            }
            else
            {
                length = Math.Max(length, 1);
                writer.Write(json.Slice(position, length));
            }

            position += length;
        }

        quoted = any ? writer.WrittenSpan.ToArray() : null;
        return any;
    }

    /// <summary>The value that one of the three names stands for.</summary>
    public static bool TryParse(string? text, out double value)
    {
        int index = Array.IndexOf(Names, text);
        value = index < 0 ? 0 : Values[index];
        return index >= 0;
    }

    private static int LiteralLength(ReadOnlySpan<byte> json) =>
        json.StartsWith("NaN"u8) ? 3 : json.StartsWith("Infinity"u8) ? 8 : json.StartsWith("-Infinity"u8) ? 9 : 0;

    private static int StringLength(ReadOnlySpan<byte> json)
    {
        int position = 1;
        while (position < json.Length)
        {
            if (json[position] == (byte)'"')
            {
                return position + 1;
            }

            position += json[position] == (byte)'\\' ? 2 : 1;
        }

        return json.Length;
    }
}
