using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ModelPort.Formats.Safetensors;

/// <summary>
/// Writes a safetensors file as a stream: all tensors are declared first, then their bytes follow in the declared order.
/// The same declarations and bytes always give the same file.
/// </summary>
public sealed class SafetensorsWriter : IDisposable
{
    private readonly Stream stream;
    private int current;
    private long written;

    /// <summary>Writes the header. The stream is owned: disposing the writer disposes it.</summary>
    /// <param name="stream">Where the file goes; only written, never sought.</param>
    /// <param name="tensors">Name, type and shape of each tensor in the order of their bytes.</param>
    /// <param name="metadata">Entries for "__metadata__", written in ordinal order of their keys.</param>
    /// <exception cref="ArgumentException">A name is empty or repeated, or a shape has no size in whole bytes.</exception>
    public SafetensorsWriter(
        Stream stream,
        IEnumerable<(string Name, SafetensorsType Type, ImmutableArray<long> Shape)> tensors,
        IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        this.stream = stream;
        List<SafetensorsTensor> placed = [];
        HashSet<string> names = new(StringComparer.Ordinal) { SafetensorsHeader.MetadataKey };
        long offset = 0;
        foreach ((string name, SafetensorsType type, ImmutableArray<long> shape) in tensors)
        {
            if (string.IsNullOrEmpty(name) || !names.Add(name))
            {
                throw new ArgumentException($"The tensor name '{name}' is empty, reserved or used twice.", nameof(tensors));
            }

            if (!SafetensorsTypes.TryGetByteLength(type, shape.AsSpan(), out long bytes))
            {
                throw new ArgumentException(
                    $"'{name}' of shape {Shape.Describe(shape.AsSpan())} has no size in whole bytes.", nameof(tensors));
            }

            placed.Add(new SafetensorsTensor(name, type, shape, offset, bytes));
            offset = checked(offset + bytes);
        }

        byte[] header = Header(placed, metadata ?? []);
        stream.Write(header);
        Tensors = [.. placed.Select(tensor => tensor with { Offset = tensor.Offset + header.Length })];
        SkipFinished();
    }

    /// <summary>The declared tensors with their places in the file.</summary>
    public ImmutableArray<SafetensorsTensor> Tensors { get; }

    /// <summary>Creates or replaces a file.</summary>
    public static SafetensorsWriter Create(
        string path,
        IEnumerable<(string Name, SafetensorsType Type, ImmutableArray<long> Shape)> tensors,
        IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        FileStream stream = new(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        try
        {
            return new SafetensorsWriter(stream, tensors, metadata);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Appends bytes to the tensor whose turn it is; one tensor may come in many pieces.</summary>
    /// <exception cref="InvalidOperationException">It is another tensor's turn, or these are more bytes than the tensor has left.</exception>
    public void Write(string tensor, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        if (current == Tensors.Length || Tensors[current].Name != tensor)
        {
            string turn = current == Tensors.Length ? "nothing" : $"'{Tensors[current].Name}'";
            throw new InvalidOperationException($"Bytes for '{tensor}' came where {turn} was due.");
        }

        if (bytes.Length > Tensors[current].ByteLength - written)
        {
            throw new InvalidOperationException($"'{tensor}' has {Tensors[current].ByteLength} bytes; more were written.");
        }

        stream.Write(bytes);
        written += bytes.Length;
        SkipFinished();
    }

    /// <summary>Declares the file finished and flushes it.</summary>
    /// <exception cref="InvalidOperationException">A tensor lacks bytes.</exception>
    public void Complete()
    {
        if (current < Tensors.Length)
        {
            throw new InvalidOperationException($"'{Tensors[current].Name}' lacks {Tensors[current].ByteLength - written} bytes.");
        }

        stream.Flush();
    }

    /// <summary>Closes the stream. A file that was not completed stays as it is and no reader accepts it.</summary>
    public void Dispose() => stream.Dispose();

    private void SkipFinished()
    {
        while (current < Tensors.Length && written == Tensors[current].ByteLength)
        {
            current++;
            written = 0;
        }
    }

    private static byte[] Header(List<SafetensorsTensor> tensors, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        ArrayBufferWriter<byte> buffer = new();
        buffer.Write(stackalloc byte[8]);
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            KeyValuePair<string, string>[] entries = [.. metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal)];
            if (entries.Length > 0)
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach ((string key, string value) in entries)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            foreach (SafetensorsTensor tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsTypes.Name(tensor.Type));
                WriteArray(json, "shape", tensor.Shape.AsSpan());
                WriteArray(json, "data_offsets", [tensor.Offset, tensor.Offset + tensor.ByteLength]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Spaces bring the data to a multiple of 8, as the reference implementation does.
        while (buffer.WrittenCount % 8 != 0)
        {
            buffer.Write(" "u8);
        }

        byte[] header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)header.Length - 8);
        return header;
    }

    private static void WriteArray(Utf8JsonWriter json, string name, ReadOnlySpan<long> values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
