using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ModelPort.Caching;

/// <summary>An object of the store.</summary>
/// <param name="Sha256">SHA-256 of its bytes in lower-case hex: its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">Its <see cref="ContentChecksum"/>, by which damage is found in a fraction of the time that SHA-256 takes.</param>
public sealed record StoredObject(string Sha256, long Bytes, string Checksum);

/// <summary>What a stage made, as the store keeps it: one small file under the stage's key, which names objects and holds small values itself.</summary>
/// <param name="Schema">The version of the record's form.</param>
/// <param name="Key">The key, which is also the file's name.</param>
/// <param name="Stage">The stage.</param>
/// <param name="Subject">Whose result it is, for people: a port's name, a file's name.</param>
/// <param name="Parts">What the key is made of.</param>
/// <param name="Objects">The objects by name.</param>
/// <param name="Values">Small results by name.</param>
public sealed record StoreRecord(
    int Schema,
    string Key,
    string Stage,
    string Subject,
    IReadOnlyList<KeyPart> Parts,
    IReadOnlyDictionary<string, StoredObject> Objects,
    IReadOnlyDictionary<string, string> Values)
{
    /// <summary>The version of the form this version writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>The longest record that is read, in bytes.</summary>
    public const int LongestBytes = 64 << 20;

    private const string Mark = "modelport-record ";
    private const int ChecksumDigits = 32;
    private const int HexSha256 = 64;

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>What a stage of that key made.</summary>
    public static StoreRecord Of(StageKey key, string subject, IReadOnlyDictionary<string, StoredObject> objects, IReadOnlyDictionary<string, string>? values = null) =>
        new(CurrentSchema, key.Value, key.Stage, subject, key.Parts, objects, values ?? new Dictionary<string, string>());

    /// <summary>The record as bytes: a line with the checksum of what follows, and JSON.</summary>
    public byte[] ToBytes()
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(this, Format);
        return [.. Encoding.ASCII.GetBytes($"{Mark}{ContentChecksum.Of(json)}\n"), .. json];
    }

    /// <summary>Reads a record; null when a byte of it is not as it was written, it is of another key or another version.</summary>
    /// <param name="content">The bytes.</param>
    /// <param name="key">The key that the record must be of.</param>
    public static StoreRecord? TryRead(ReadOnlySpan<byte> content, string key)
    {
        var head = Mark.Length + ChecksumDigits + 1;
        if (content.Length <= head || !content.StartsWith(Encoding.ASCII.GetBytes(Mark)) || content[head - 1] != '\n')
        {
            return null;
        }

        var json = content[head..];
        if (!content[Mark.Length..(head - 1)].SequenceEqual(Encoding.ASCII.GetBytes(ContentChecksum.Of(json))))
        {
            return null;
        }

        try
        {
            var record = JsonSerializer.Deserialize<StoreRecord>(json, Format);
            return record is { Schema: CurrentSchema } && record.Key == key && record.Objects.Values.All(IsSound) ? record : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether a text is SHA-256 in lower-case hex: keys and names of objects become paths.</summary>
    internal static bool IsHash(string text) => text.Length == HexSha256 && text.All(char.IsAsciiHexDigitLower);

    private static bool IsSound(StoredObject stored) =>
        stored is { Bytes: >= 0, Checksum.Length: ChecksumDigits } && IsHash(stored.Sha256);
}
