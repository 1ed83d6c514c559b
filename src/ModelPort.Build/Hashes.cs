using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ModelPort.Build;

/// <summary>Hashes that name files.</summary>
internal static class Hashes
{
    /// <summary>The first 64 bits of the SHA-256 of a text, as 16 lower-case hex digits.</summary>
    public static string Short(string text)
    {
        using SHA256 sha = SHA256.Create();
        return string.Concat(sha.ComputeHash(Encoding.UTF8.GetBytes(text)).Take(8).Select(value => value.ToString("x2", CultureInfo.InvariantCulture)));
    }
}
