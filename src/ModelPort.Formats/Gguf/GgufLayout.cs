using System.Collections.Immutable;

namespace ModelPort.Formats.Gguf;

/// <summary>
/// The complete plan of a GGUF file before any tensor data exists: header bytes, offsets, total length. After <see cref="WriteHeader"/>
/// the data of tensor t belongs at <see cref="DataOffset"/> + t.Offset, in any order; the bytes between tensors are zero.
/// </summary>
public sealed class GgufLayout
{
    /// <summary>The version of the format that is written.</summary>
    public const uint Version = 3;

    /// <summary>The alignment that files have unless "general.alignment" says otherwise.</summary>
    public const int DefaultAlignment = 32;

    /// <summary>The longest tensor name that llama.cpp loads, in UTF-8 bytes (GGML_MAX_NAME without the final zero).</summary>
    public const int MaxTensorNameBytes = 63;

    /// <summary>The most dimensions that ggml knows (GGML_MAX_DIMS).</summary>
    public const int MaxDimensions = 4;

    private readonly GgufMetadata metadata;

    private GgufLayout(GgufMetadata metadata, ImmutableArray<GgufTensor> tensors, int alignment, long fileDataLength)
    {
        this.metadata = metadata;
        Tensors = tensors;
        Alignment = alignment;
        GgufHeaderWriter.LengthStream length = new();
        GgufHeaderWriter.Write(length, metadata, tensors);
        HeaderLength = length.Length;
        DataOffset = Align(HeaderLength, alignment);
        FileLength = checked(DataOffset + fileDataLength);
    }

    /// <summary>The key-value pairs; a copy of what the layout was made from.</summary>
    public GgufMetadata Metadata => new(metadata);

    /// <summary>The tensors in file order with their offsets.</summary>
    public ImmutableArray<GgufTensor> Tensors { get; }

    /// <summary>Every tensor starts at a multiple of this many bytes, and so does the data section.</summary>
    public int Alignment { get; }

    /// <summary>Bytes of the header without its padding.</summary>
    public long HeaderLength { get; }

    /// <summary>Start of the data section in the file.</summary>
    public long DataOffset { get; }

    /// <summary>
    /// Size of the whole file, with padding after the last tensor too, as llama.cpp expects when it reads the data as one piece.
    /// </summary>
    public long FileLength { get; }

    /// <summary>Places tensors one after another in the given order.</summary>
    /// <param name="metadata">The key-value pairs, copied. With another alignment than 32, "general.alignment" is set.</param>
    /// <param name="tensors">Name, type and shape in ggml order (the row length first).</param>
    /// <param name="alignment">A power of two, at least 8.</param>
    /// <exception cref="ArgumentException">
    /// A name is empty, too long or repeated; a shape has more than four dimensions, a dimension below 1, or rows that are no whole
    /// blocks; the alignment is none or contradicts the metadata; text cannot be encoded as UTF-8.
    /// </exception>
    public static GgufLayout Create(
        GgufMetadata metadata,
        IEnumerable<(string Name, GgmlType Type, ImmutableArray<long> Shape)> tensors,
        int alignment = DefaultAlignment)
    {
        if (alignment < 8 || !int.IsPow2(alignment))
        {
            throw new ArgumentException($"An alignment of {alignment} is no power of two of at least 8.", nameof(alignment));
        }

        GgufMetadata copy = new(metadata);
        if (copy.TryGet(GgufMetadata.AlignmentKey, out GgufValue? stated)
            ? !stated.Equals(GgufValue.From((uint)alignment))
            : alignment != DefaultAlignment)
        {
            if (stated is not null)
            {
                throw new ArgumentException($"The metadata states an alignment of {stated}, not {alignment}.", nameof(alignment));
            }

            copy.Set(GgufMetadata.AlignmentKey, (uint)alignment);
        }

        HashSet<string> names = new(StringComparer.Ordinal);
        ImmutableArray<GgufTensor>.Builder placed = ImmutableArray.CreateBuilder<GgufTensor>();
        long offset = 0;
        foreach ((string name, GgmlType type, ImmutableArray<long> shape) in tensors)
        {
            CheckName(name, names);
            if (shape.Length is 0 or > MaxDimensions || shape.Any(dimension => dimension < 1))
            {
                throw new ArgumentException(
                    $"'{name}' has the shape {Shape.Describe(shape.AsSpan())}; 1 to 4 dimensions of at least 1 are allowed.", nameof(tensors));
            }

            GgufTensor tensor = new(name, type, shape, offset, GgmlTypes.TensorBytes(type, shape.AsSpan()));
            placed.Add(tensor);
            offset = Align(checked(offset + tensor.ByteLength), alignment);
        }

        return new GgufLayout(copy, placed.ToImmutable(), alignment, offset);
    }

    /// <summary>Writes magic, version, counts, key-value pairs, tensor directory and the padding up to <see cref="DataOffset"/>.</summary>
    public void WriteHeader(Stream stream)
    {
        GgufHeaderWriter.Write(stream, metadata, Tensors);
        stream.Write(new byte[DataOffset - HeaderLength]);
    }

    internal static long Align(long offset, int alignment) => checked(offset + alignment - 1) & -alignment;

    private static void CheckName(string name, HashSet<string> names)
    {
        if (string.IsNullOrEmpty(name) || Utf8Text.Strict.GetByteCount(name) > MaxTensorNameBytes || !names.Add(name))
        {
            throw new ArgumentException(
                $"The tensor name '{name}' is empty, longer than {MaxTensorNameBytes} bytes or used twice.", nameof(name));
        }
    }
}
