using System.Security.Cryptography;
using System.Text;

namespace ModelPort.Caching;

/// <summary>Something that the result of a stage depends on.</summary>
/// <param name="Name">What it is, as people call it: the name of an option, of a file, of a program.</param>
/// <param name="Value">What it is this time: a content hash, a number, a version.</param>
public sealed record KeyPart(string Name, string Value);

/// <summary>
/// All that the result of a stage depends on, by name, and SHA-256 over it: equal keys mean that the work has been done, and of two keys that differ the
/// parts say why.
/// </summary>
public sealed class StageKey
{
    /// <summary>Makes the key of a stage.</summary>
    /// <param name="stage">The stage's name; part of the key.</param>
    /// <param name="parts">What its result depends on; names are used once.</param>
    public StageKey(string stage, params IEnumerable<KeyPart> parts)
    {
        Stage = stage;
        Parts = [.. parts];
        Value = Hash([stage, .. Parts.SelectMany(p => new[] { p.Name, p.Value })]);
    }

    /// <summary>The stage.</summary>
    public string Stage { get; }

    /// <summary>What its result depends on.</summary>
    public IReadOnlyList<KeyPart> Parts { get; }

    /// <summary>SHA-256 over the stage and its parts, in lower-case hex.</summary>
    public string Value { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Stage} {Value}";

    // Lengths stand before texts: no two lists of texts make the same bytes.
    private static string Hash(string[] texts)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            sha.AppendData(BitConverter.GetBytes(bytes.Length));
            sha.AppendData(bytes);
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }
}
