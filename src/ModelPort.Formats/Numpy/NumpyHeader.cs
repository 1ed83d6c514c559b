using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;

namespace ModelPort.Formats.Numpy;

/// <summary>
/// The header of a .npy file: magic, version, and a Python dictionary with the keys descr, fortran_order and shape, of which nothing but these three literals
/// is read. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
/// </summary>
internal sealed partial record NumpyHeader(NumpyType Type, bool IsBigEndian, ImmutableArray<long> Shape, bool IsFortranOrder, long DataOffset, long ByteLength)
{
    // NumPy itself refuses more than 10,000 characters unless told otherwise.
    private const int LongestHeader = 1 << 16;
    private const int Prefix = 8;
    private const int MostDimensions = 64;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a header.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="member">The array in the file, for messages.</param>
    /// <param name="available">How many bytes the array has with its header.</param>
    /// <param name="read">Fills a span from an offset.</param>
    public static NumpyHeader Read(string path, string? member, long available, Reader read)
    {
        InvalidModelFileException Fault(FileFault fault, string found, string expected) => new(path, fault, found, expected, member);

        Span<byte> prefix = stackalloc byte[Prefix + 4];
        if (available < Prefix + 2)
        {
            throw Fault(FileFault.Truncated, $"{available} bytes", "a NumPy array");
        }

        read(0, prefix[..Prefix]);
        if (!prefix[..6].SequenceEqual(Magic))
        {
            throw Fault(FileFault.Malformed, "a file without the mark of NumPy's format", "a file that numpy.save made");
        }

        int lengthBytes = prefix[6] switch
        {
            1 => 2,
            2 or 3 when available >= Prefix + 4 => 4,
            _ => throw Fault(FileFault.Unsupported, $"version {prefix[6]}.{prefix[7]}", "version 1, 2 or 3"),
        };
        read(Prefix, prefix.Slice(Prefix, lengthBytes));
        long length = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(prefix[Prefix..]) : BinaryPrimitives.ReadUInt32LittleEndian(prefix[Prefix..]);
        long dataOffset = Prefix + lengthBytes + length;
        if (length > LongestHeader)
        {
            throw Fault(FileFault.TooLarge, $"a header of {length} bytes", $"at most {LongestHeader}");
        }

        if (dataOffset > available)
        {
            throw Fault(FileFault.Truncated, $"{available} bytes", $"a header of {length} bytes");
        }

        byte[] text = new byte[length];
        read(Prefix + lengthBytes, text);
        return Parse(Encoding.Latin1.GetString(text), dataOffset, available, Fault);
    }

    /// <summary>Reads bytes at an offset.</summary>
    internal delegate void Reader(long offset, Span<byte> destination);

    private static NumpyHeader Parse(string text, long dataOffset, long available, Func<FileFault, string, string, InvalidModelFileException> fault)
    {
        Match descr = Description().Match(text);
        Match order = Order().Match(text);
        Match shape = Dimensions().Match(text);
        if (!Dictionary().IsMatch(text) || !order.Success || !shape.Success)
        {
            throw fault(FileFault.Malformed, "a header that is no dictionary of descr, fortran_order and shape", "the header that numpy.save writes");
        }

        if (!descr.Success)
        {
            throw fault(FileFault.Unsupported, "a structured type", "an array of numbers");
        }

        string kind = descr.Groups["kind"].Value;
        if (!NumpyTypes.TryParse(kind, out NumpyType type))
        {
            throw kind.StartsWith('O')
                ? fault(FileFault.Unsupported, "an array of Python objects, which would have to be unpickled", "an array of numbers")
                : fault(FileFault.UnknownType, $"the type \"{descr.Groups["order"].Value}{kind}\"", "booleans, integers, floats or complex numbers");
        }

        string[] parts = shape.Groups["dimensions"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        ImmutableArray<long> dimensions = parts.Length <= MostDimensions && parts.All(part => long.TryParse(part, System.Globalization.NumberStyles.None, null, out _))
            ? [.. parts.Select(part => long.Parse(part, System.Globalization.CultureInfo.InvariantCulture))]
            : throw fault(FileFault.TooLarge, "such dimensions", $"up to {MostDimensions} dimensions of less than 2^63");
        if (!Formats.Shape.TryCount(dimensions.AsSpan(), out long count) || count > long.MaxValue / NumpyTypes.Size(type))
        {
            throw fault(FileFault.TooLarge, $"the shape {Formats.Shape.Describe(dimensions.AsSpan())}", "less than 2^63 bytes");
        }

        long bytes = count * NumpyTypes.Size(type);
        return bytes == available - dataOffset
            ? new NumpyHeader(type, descr.Groups["order"].Value == ">", dimensions, order.Groups["value"].Value == "True", dataOffset, bytes)
            : throw fault(
                bytes > available - dataOffset ? FileFault.Truncated : FileFault.Inconsistent,
                $"{available - dataOffset} bytes of data",
                $"{bytes} bytes for {type} of shape {Formats.Shape.Describe(dimensions.AsSpan())}");
    }

    [GeneratedRegex(@"^\{.*\}\s*\z", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Dictionary();

    [GeneratedRegex("""'descr'\s*:\s*'(?<order>[<>|=]?)(?<kind>[A-Za-z][0-9]*)'""", RegexOptions.CultureInvariant)]
    private static partial Regex Description();

    [GeneratedRegex("""'fortran_order'\s*:\s*(?<value>True|False)""", RegexOptions.CultureInvariant)]
    private static partial Regex Order();

    [GeneratedRegex("""'shape'\s*:\s*\((?<dimensions>[0-9,\s]*)\)""", RegexOptions.CultureInvariant)]
    private static partial Regex Dimensions();
}
