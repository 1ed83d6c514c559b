using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Gguf;

/// <summary>The key-value pairs of a GGUF file, in file order. Setting a key again keeps its place.</summary>
public sealed class GgufMetadata : IReadOnlyCollection<KeyValuePair<string, GgufValue>>
{
    /// <summary>The key of the data alignment in bytes.</summary>
    public const string AlignmentKey = "general.alignment";

    /// <summary>The longest key in UTF-8 bytes (docs/gguf.md of ggml).</summary>
    public const int MaxKeyBytes = 65535;

    private readonly OrderedDictionary<string, GgufValue> entries;

    /// <summary>No entries.</summary>
    public GgufMetadata() => entries = new OrderedDictionary<string, GgufValue>(StringComparer.Ordinal);

    /// <summary>A copy.</summary>
    public GgufMetadata(GgufMetadata other) => entries = new OrderedDictionary<string, GgufValue>(other.entries, StringComparer.Ordinal);

    /// <summary>Number of keys.</summary>
    public int Count => entries.Count;

    /// <summary>The value of a key that exists.</summary>
    /// <exception cref="KeyNotFoundException">There is no such key.</exception>
    public GgufValue this[string key] => entries[key];

    /// <summary>Sets a value of any kind.</summary>
    /// <exception cref="ArgumentException">The key is empty or longer than <see cref="MaxKeyBytes"/>.</exception>
    public void Set(string key, GgufValue value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(value);
        if (Utf8Text.Strict.GetByteCount(key) > MaxKeyBytes)
        {
            throw new ArgumentException($"The key has more than {MaxKeyBytes} bytes.", nameof(key));
        }

        entries[key] = value;
    }

    /// <summary>Sets an unsigned 32-bit integer.</summary>
    public void Set(string key, uint value) => Set(key, GgufValue.From(value));

    /// <summary>Sets a signed 32-bit integer.</summary>
    public void Set(string key, int value) => Set(key, GgufValue.From(value));

    /// <summary>Sets an unsigned 16-bit integer.</summary>
    public void Set(string key, ushort value) => Set(key, GgufValue.From(value));

    /// <summary>Sets an unsigned 64-bit integer.</summary>
    public void Set(string key, ulong value) => Set(key, GgufValue.From(value));

    /// <summary>Sets a single.</summary>
    public void Set(string key, float value) => Set(key, GgufValue.From(value));

    /// <summary>Sets a boolean.</summary>
    public void Set(string key, bool value) => Set(key, GgufValue.From(value));

    /// <summary>Sets a string.</summary>
    public void Set(string key, string value) => Set(key, GgufValue.From(value));

    /// <summary>Sets an array of strings; the array is copied.</summary>
    public void Set(string key, string[] value) => Set(key, GgufValue.FromArray<string>(value));

    /// <summary>Sets an array of signed 32-bit integers; the array is copied.</summary>
    public void Set(string key, int[] value) => Set(key, GgufValue.FromArray<int>(value));

    /// <summary>Sets an array of unsigned 32-bit integers; the array is copied.</summary>
    public void Set(string key, uint[] value) => Set(key, GgufValue.FromArray<uint>(value));

    /// <summary>Sets an array of singles; the array is copied.</summary>
    public void Set(string key, float[] value) => Set(key, GgufValue.FromArray<float>(value));

    /// <summary>Sets an array of booleans; the array is copied.</summary>
    public void Set(string key, bool[] value) => Set(key, GgufValue.FromArray<bool>(value));

    /// <summary>Sets an array of bytes; the array is copied.</summary>
    public void Set(string key, byte[] value) => Set(key, GgufValue.FromArray<byte>(value));

    /// <summary>Removes a key. False if there was none.</summary>
    public bool Remove(string key) => entries.Remove(key);

    /// <summary>Whether the key exists.</summary>
    public bool Contains(string key) => entries.ContainsKey(key);

    /// <summary>The value of a key.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out GgufValue? value) => entries.TryGetValue(key, out value);

    /// <summary>The value of a key that exists and holds an integer that fits.</summary>
    public bool TryGetInt64(string key, out long value)
    {
        value = 0;
        return TryGet(key, out GgufValue? entry) && entry.TryGetInt64(out value);
    }

    /// <summary>The value of a key that exists and holds a float.</summary>
    public bool TryGetDouble(string key, out double value)
    {
        value = 0;
        return TryGet(key, out GgufValue? entry) && entry.TryGetDouble(out value);
    }

    /// <summary>The value of a key that exists and holds a boolean.</summary>
    public bool TryGetBool(string key, out bool value)
    {
        value = false;
        return TryGet(key, out GgufValue? entry) && entry.TryGetBool(out value);
    }

    /// <summary>The value of a key that exists and holds a string.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = null;
        return TryGet(key, out GgufValue? entry) && entry.TryGetString(out value);
    }

    /// <summary>The elements of a key that exists and holds an array of exactly this element type.</summary>
    public bool TryGetArray<T>(string key, out ReadOnlySpan<T> elements)
    {
        elements = default;
        return TryGet(key, out GgufValue? entry) && entry.TryGetArray(out elements);
    }

    /// <summary>The pairs in file order.</summary>
    public IEnumerator<KeyValuePair<string, GgufValue>> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Adds a key that must be new; for the reader.</summary>
    internal bool TryAdd(string key, GgufValue value) => entries.TryAdd(key, value);
}
