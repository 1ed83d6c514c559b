using System.Buffers;
using System.Collections.Immutable;

namespace ModelPort.Formats.Numpy;

/// <summary>
/// A .npy file opened for reading: an array of numbers, read a few rows at a time. Whatever order the file has, rows come with the last dimension fastest
/// and little-endian. Arrays of Python objects are refused, never unpickled.
/// </summary>
public sealed class NpyFile : IDisposable
{
    private readonly SourceFile file;
    private readonly NumpyHeader header;

    private NpyFile(SourceFile file, NumpyHeader header)
    {
        this.file = file;
        this.header = header;
    }

    /// <summary>The path that was opened.</summary>
    public string Path => file.Path;

    /// <summary>Element type.</summary>
    public NumpyType Type => header.Type;

    /// <summary>Dimensions; empty for a single number.</summary>
    public ImmutableArray<long> Shape => header.Shape;

    /// <summary>Number of rows: the first dimension, 1 for a single number.</summary>
    public long Rows => Shape.IsEmpty ? 1 : Shape[0];

    /// <summary>Bytes of a row: of everything but the first dimension; 0 if there are no rows.</summary>
    public long RowBytes => Rows == 0 ? 0 : header.ByteLength / Rows;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read, breaks the format, or is no array of numbers.</exception>
    public static NpyFile Open(string path)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new NpyFile(file, NumpyHeader.Read(path, null, file.Length, (offset, destination) => file.Read(offset, destination, null)));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads rows.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    /// <param name="destination">Room for exactly so many rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows leave the array, or the room is of another size.</exception>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public void ReadRows(long first, int count, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Rows - count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, count * RowBytes);
        if (destination.IsEmpty)
        {
            return;
        }

        if (!header.IsFortranOrder || Shape.Length < 2)
        {
            file.Read(header.DataOffset + (first * RowBytes), destination, null);
        }
        else
        {
            ReadColumns(first, count, destination);
        }

        if (header.IsBigEndian)
        {
            NumpyTypes.Swap(Type, destination);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    // In Fortran's order the first dimension is the fastest: each place inside a row has the values of all rows side by side.
    private void ReadColumns(long first, int count, Span<byte> destination)
    {
        int size = NumpyTypes.Size(Type);
        byte[] column = ArrayPool<byte>.Shared.Rent(count * size);
        try
        {
            FortranOrder places = new(Shape.AsSpan()[1..]);
            for (long place = 0; place < RowBytes / size; place++)
            {
                file.Read(header.DataOffset + (((place * Rows) + first) * size), column.AsSpan(0, count * size), null);
                long target = places.Next() * size;
                for (int row = 0; row < count; row++)
                {
                    column.AsSpan(row * size, size).CopyTo(destination[(int)((row * RowBytes) + target)..]);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(column);
        }
    }
}
