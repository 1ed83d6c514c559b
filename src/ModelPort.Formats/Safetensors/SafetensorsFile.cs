using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Safetensors;

/// <summary>
/// A safetensors file opened for reading: the directory of its tensors, and positional reads of their bytes.
/// The format: https://github.com/huggingface/safetensors#format (8 bytes of header length, a JSON header, the data without gaps).
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SourceFile file;
    private readonly FrozenDictionary<string, SafetensorsTensor> byName;

    private SafetensorsFile(SourceFile file, SafetensorsHeader header)
    {
        this.file = file;
        Tensors = header.Tensors;
        Metadata = header.Metadata;
        byName = header.Tensors.ToFrozenDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The path that was opened.</summary>
    public string Path => file.Path;

    /// <summary>Size of the file in bytes.</summary>
    public long FileLength => file.Length;

    /// <summary>All tensors in the order of their bytes in the file.</summary>
    public ImmutableArray<SafetensorsTensor> Tensors { get; }

    /// <summary>The free-form text entries under "__metadata__".</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header: names, types, shapes, and that the tensors cover the data exactly.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or breaks the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of this name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Fills <paramref name="destination"/> with bytes of a tensor. Safe to call from several threads at once.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="byteOffset">First byte, counted from the start of the tensor.</param>
    /// <param name="destination">Where the bytes go; all of it is filled.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public void Read(SafetensorsTensor tensor, long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, tensor.ByteLength - destination.Length);
        file.Read(tensor.Offset + byteOffset, destination, tensor.Name);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();
}
