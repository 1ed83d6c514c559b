using System.Runtime.InteropServices;
using ModelPort.Formats.Gguf;
using ModelPort.Kernels;
using ModelPort.Porting;

namespace ModelPort.Parity.Attribution;

/// <summary>
/// A copy of a source whose tensors can be overwritten in place, so that a model with one tensor of the port in it costs that tensor's bytes, not a file. It is
/// in F32 where that is no burden: rounding to the source's own 16 bits would hide what a good port loses.
/// </summary>
internal sealed class ScratchModel : IDisposable
{
    private const int PieceValues = 1 << 16;

    // Of a larger model the copy has the source's own types: its ports are small ones, which lose more than that rounding.
    private const long MostBytes = 2L << 30;

    private readonly OutputFile _file;
    private readonly GgufLayout _layout;
    private readonly GgufShards _source;
    private readonly CancellationToken _cancellation;

    /// <summary>Copies a source.</summary>
    /// <param name="source">The source as GGUF.</param>
    /// <param name="header">The header that goes before its tensors.</param>
    /// <param name="path">Beside which path the copy lies.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="Diagnostics.ModelPortException">MP2001 or MP2002: the copy cannot be written.</exception>
    public ScratchModel(GgufShards source, GgufMetadata header, string path, CancellationToken cancellation)
    {
        _source = source;
        _cancellation = cancellation;
        var isSmall = source.Tensors.Sum(t => ElementsOf(t) * sizeof(float)) <= MostBytes;
        _layout = GgufLayout.Create(header, source.Tensors.Select(t => (t.Name, isSmall ? GgmlType.F32 : t.Type, t.Shape)));
        _file = OutputFile.CreateScratch(path, _layout.FileLength);
        try
        {
            using var start = new MemoryStream();
            _layout.WriteHeader(start);
            _file.Write(start.ToArray(), 0);
            foreach (var tensor in source.Tensors)
            {
                Put(source, tensor);
            }
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The file. It may be loaded while nothing is put into it.</summary>
    public string Path => _file.TemporaryPath;

    /// <summary>Puts the values of another file's tensor into the copy.</summary>
    /// <param name="from">The file.</param>
    /// <param name="tensor">Its tensor, of a name and shape that the source has too.</param>
    public void Put(GgufShards from, GgufTensor tensor)
    {
        var target = _layout.Tensors.First(t => t.Name == tensor.Name);
        var length = tensor.Shape[0];
        var (rows, together) = (ElementsOf(tensor) / length, Math.Max(1, PieceValues / length));
        var values = new float[together * length];
        var (bytes, stored) = (new byte[values.Length * sizeof(float)], new byte[values.Length * sizeof(float)]);
        for (long first = 0; first < rows; first += together)
        {
            _cancellation.ThrowIfCancellationRequested();
            var count = Math.Min(together, rows - first) * length;
            var read = bytes.AsSpan(0, checked((int)GgmlTypes.RowBytes(tensor.Type, count)));
            from.Read(tensor, first * GgmlTypes.RowBytes(tensor.Type, length), read);
            if (tensor.Type == target.Type)
            {
                _file.Write(read, _layout.DataOffset + target.Offset + first * GgmlTypes.RowBytes(target.Type, length));
                continue;
            }

            var wide = values.AsSpan(0, (int)count);
            TensorDecoder.Decode(tensor.Type, read, wide);
            var written = stored.AsSpan(0, checked((int)GgmlTypes.RowBytes(target.Type, count)));
            Narrowed(target.Type, wide, written);
            _file.Write(written, _layout.DataOffset + target.Offset + first * GgmlTypes.RowBytes(target.Type, length));
        }
    }

    /// <summary>Gives a tensor the source's values back.</summary>
    public void Restore(string name)
    {
        if (_source.TryGet(name, out var tensor))
        {
            Put(_source, tensor);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static long ElementsOf(GgufTensor tensor) => tensor.Shape.Aggregate(1L, (a, b) => a * b);

    private static void Narrowed(GgmlType type, ReadOnlySpan<float> values, Span<byte> bytes)
    {
        switch (type)
        {
            case GgmlType.BF16:
                Narrow.ToBFloat16(values, MemoryMarshal.Cast<byte, ushort>(bytes));
                break;
            case GgmlType.F16:
                Narrow.ToHalf(values, MemoryMarshal.Cast<byte, ushort>(bytes));
                break;
            default:
                MemoryMarshal.AsBytes(values).CopyTo(bytes);
                break;
        }
    }
}
