using System.Globalization;

namespace ModelPort.Diagnostics;

/// <summary>Byte counts as people write and read them (decimal: 1 MB is 1,000,000 bytes, as package galleries count).</summary>
public static class Sizes
{
    private static readonly (string Suffix, double Factor)[] Units =
        [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("B", 1)];

    /// <summary>A byte count with three digits and a unit.</summary>
    public static string Bytes(long bytes)
    {
        foreach (var (suffix, factor) in Units)
        {
            if (factor >= 1e3 && bytes >= factor)
            {
                return (bytes / factor).ToString(bytes >= 100 * factor ? "0" : bytes >= 10 * factor ? "0.0" : "0.00", CultureInfo.InvariantCulture) + " " + suffix;
            }
        }

        return bytes.ToString(CultureInfo.InvariantCulture) + " bytes";
    }

    /// <summary>Reads "512MB", "1.5 GiB" or a plain number of bytes.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        var trimmed = text.Trim();
        foreach (var (suffix, factor) in Units)
        {
            if (trimmed.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                return TryScale(trimmed[..^suffix.Length], factor, out bytes);
            }
        }

        return TryScale(trimmed, 1, out bytes);
    }

    private static bool TryScale(string number, double factor, out long bytes)
    {
        var valid = double.TryParse(number.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value * factor < long.MaxValue;
        bytes = valid ? (long)(value * factor) : 0;
        return valid;
    }
}
