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
        return BitConverter.ToString(sha.ComputeHash(Encoding.UTF8.GetBytes(text)), 0, 8).Replace("-", "").ToLowerInvariant();
    }
}
