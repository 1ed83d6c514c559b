using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Gguf;

/// <summary>
/// A GGUF file of version 2 or 3 opened for reading: metadata, the directory of its tensors, and positional reads of their bytes.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly SourceFile file;
    private readonly FrozenDictionary<string, GgufTensor> byName;

    private GgufFile(SourceFile file, GgufHeaderReader header)
    {
        this.file = file;
        Version = header.Version;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        Alignment = header.Alignment;
        DataOffset = header.DataOffset;
        byName = header.Tensors.ToFrozenDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The path that was opened.</summary>
    public string Path => file.Path;

    /// <summary>Size of the file in bytes.</summary>
    public long FileLength => file.Length;

    /// <summary>Version of the format, 2 or 3.</summary>
    public uint Version { get; }

    /// <summary>The key-value pairs in file order.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>All tensors in the order of the directory.</summary>
    public ImmutableArray<GgufTensor> Tensors { get; }

    /// <summary>The alignment of tensors and data section in bytes.</summary>
    public int Alignment { get; }

    /// <summary>Start of the data section in the file.</summary>
    public long DataOffset { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or breaks the format.</exception>
    public static GgufFile Open(string path)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new GgufFile(file, GgufHeaderReader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of this name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out GgufTensor? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Fills <paramref name="destination"/> with bytes of a tensor. Safe to call from several threads at once.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="byteOffset">First byte, counted from the start of the tensor.</param>
    /// <param name="destination">Where the bytes go; all of it is filled.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public void Read(GgufTensor tensor, long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, tensor.ByteLength - destination.Length);
        file.Read(DataOffset + tensor.Offset + byteOffset, destination, tensor.Name);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();
}
