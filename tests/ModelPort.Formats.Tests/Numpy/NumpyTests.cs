using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using ModelPort.Formats.Numpy;

namespace ModelPort.Formats.Tests.Numpy;

public sealed class NumpyTests
{
    // The header of a 2 x 3 array of singles, in the form that numpy.save gives it.
    private const string Header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

    private static readonly float[] OneToSix = [1, 2, 3, 4, 5, 6];

    [Fact]
    public void Rows_come_in_one_order_whatever_the_file_has()
    {
        Assert.Equal(OneToSix, Floats(Npy(Header, Bytes(OneToSix))));
        Assert.Equal(OneToSix, Floats(Npy(Header.Replace("False", "True", StringComparison.Ordinal), Bytes([1, 4, 2, 5, 3, 6]))));
        byte[] big = [.. OneToSix.SelectMany(value => BitConverter.GetBytes(value).Reverse())];
        Assert.Equal(OneToSix, Floats(Npy(Header.Replace('<', '>'), big)));
        Assert.Equal(OneToSix, Floats(Npy(Header, Bytes(OneToSix), version: 2)));
        Assert.Equal(OneToSix, Floats(Npy(Header, Bytes(OneToSix), version: 3)));
        Assert.Equal(OneToSix, Floats(Npy("{'shape': (2, 3,),'fortran_order':False,'descr':'=f4'}", Bytes(OneToSix))));
    }

    [Fact]
    public void Any_rows_of_any_array_are_those_of_its_definition() =>
        Gen.Select(Gen.Int[1, 5].Array[1, 4], Gen.Bool, Gen.Int[0, 4], Gen.Int[0, 5]).Sample(
            (dimensions, fortran, first, count) =>
            {
                // The element at each index is the index, written as digits.
                int total = dimensions.Aggregate(1, (product, dimension) => product * dimension);
                int[] values = new int[total];
                int[] strides = Strides(dimensions, fortran);
                foreach (int[] index in Indices(dimensions))
                {
                    values[index.Zip(strides, (i, stride) => i * stride).Sum()] = Digits(index);
                }

                using TempFolder folder = new();
                string shape = string.Join(", ", dimensions) + ",";
                byte[] bytes = Npy($"{{'descr': '<i4', 'fortran_order': {(fortran ? "True" : "False")}, 'shape': ({shape}), }}", MemoryMarshal.AsBytes<int>(values));
                using NpyFile file = NpyFile.Open(folder.Write("a.npy", bytes));
                first = Math.Min(first, dimensions[0]);
                count = Math.Min(count, dimensions[0] - first);
                byte[] rows = new byte[count * file.RowBytes];
                file.ReadRows(first, count, rows);
                int[] expected = [.. Indices(dimensions).Where(index => index[0] >= first && index[0] < first + count).Select(Digits)];
                Assert.Equal(expected, MemoryMarshal.Cast<byte, int>(rows).ToArray());

                using NpzFile npz = NpzFile.Open(folder.Write("a.npz", Npz(CompressionLevel.Optimal, ("a.npy", bytes))));
                Assert.Equal(Indices(dimensions).Select(Digits), MemoryMarshal.Cast<byte, int>(npz.Read("a")).ToArray());
            },
            iter: 300);

    [Theory]
    [InlineData("|b1", NumpyType.Bool)]
    [InlineData("|i1", NumpyType.Int8)]
    [InlineData("|u1", NumpyType.UInt8)]
    [InlineData("<i2", NumpyType.Int16)]
    [InlineData("<u2", NumpyType.UInt16)]
    [InlineData("<i4", NumpyType.Int32)]
    [InlineData("<u4", NumpyType.UInt32)]
    [InlineData("<i8", NumpyType.Int64)]
    [InlineData("<u8", NumpyType.UInt64)]
    [InlineData("<f2", NumpyType.Float16)]
    [InlineData("<f8", NumpyType.Float64)]
    [InlineData("<c8", NumpyType.Complex64)]
    [InlineData("<c16", NumpyType.Complex128)]
    public void Every_type_of_numbers_is_read(string descr, NumpyType type)
    {
        using TempFolder folder = new();
        byte[] content = Enumerable.Range(0, 2 * NumpyTypes.Size(type)).Select(i => (byte)i).ToArray();
        using NpyFile file = NpyFile.Open(folder.Write("a.npy", Npy($"{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}", content)));
        Assert.Equal(type, file.Type);
        byte[] read = new byte[content.Length];
        file.ReadRows(0, 2, read);
        Assert.Equal(content, read);
    }

    [Fact]
    public void A_single_number_and_an_empty_array_are_arrays_too()
    {
        using TempFolder folder = new();
        using NpyFile number = NpyFile.Open(folder.Write("a.npy", Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", Bytes([7]))));
        Assert.Equal((1, 4), (number.Rows, number.RowBytes));
        using NpyFile empty = NpyFile.Open(folder.Write("b.npy", Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }", [])));
        empty.ReadRows(0, 0, []);
        Assert.Equal([0, 3], empty.Shape);
    }

    [Fact]
    public void What_is_no_array_of_numbers_is_refused()
    {
        byte[] good = Npy(Header, Bytes(OneToSix));
        Refuse(FileFault.Truncated, []);
        Refuse(FileFault.Truncated, good[..9]);
        Refuse(FileFault.Truncated, good[..40]);
        Refuse(FileFault.Truncated, good[..^1]);
        Refuse(FileFault.Inconsistent, [.. good, 0]);
        Refuse(FileFault.Malformed, [(byte)'N', .. good[1..]]);
        Refuse(FileFault.Unsupported, Npy(Header, Bytes(OneToSix), version: 4));
        Refuse(FileFault.Unsupported, Npy(Header.Replace("<f4", "|O", StringComparison.Ordinal), [1, 2, 3]), "unpickled");
        Refuse(FileFault.Unsupported, Npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", new byte[8]), "structured");
        Refuse(FileFault.UnknownType, Npy(Header.Replace("<f4", "<U4", StringComparison.Ordinal), new byte[96]), "<U4");
        Refuse(FileFault.UnknownType, Npy(Header.Replace("<f4", "<f16", StringComparison.Ordinal), new byte[96]), "<f16");
        Refuse(FileFault.Malformed, Npy("__import__('os')", []));
        Refuse(FileFault.Malformed, Npy(Header.Replace("(2, 3)", "(2, -3)", StringComparison.Ordinal), []));
        Refuse(FileFault.TooLarge, Npy(Header.Replace("(2, 3)", "(9223372036854775807, 3)", StringComparison.Ordinal), []));
        Refuse(FileFault.TooLarge, Npy(Header.Replace("(2, 3)", "(99999999999999999999,)", StringComparison.Ordinal), []));
        byte[] longer = Npy(Header, Bytes(OneToSix), version: 2);
        BinaryPrimitives.WriteUInt32LittleEndian(longer.AsSpan(8), uint.MaxValue);
        Refuse(FileFault.TooLarge, longer);
    }

    [Fact]
    public void A_damaged_file_is_read_or_refused_and_nothing_else()
    {
        byte[] valid = Npy(Header, Bytes(OneToSix));
        Damage.NeverSurprises(valid, valid.Length, path =>
        {
            using NpyFile file = NpyFile.Open(path);
            file.ReadRows(0, (int)file.Rows, new byte[file.Rows * file.RowBytes]);
        });
    }

    [Fact]
    public void An_archive_gives_its_arrays_by_name_packed_or_not()
    {
        using TempFolder folder = new();
        foreach (CompressionLevel level in (CompressionLevel[])[CompressionLevel.NoCompression, CompressionLevel.Optimal])
        {
            using NpzFile file = NpzFile.Open(folder.Write("a.npz", Npz(level, ("image.npy", Npy(Header, Bytes(OneToSix))), ("label.npy", Npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", new byte[8])))));
            Assert.Equal([("image", NumpyType.Float32, 24), ("label", NumpyType.Int64, 8)], file.Arrays.Select(array => (array.Name, array.Type, array.ByteLength)));
            Assert.Equal(OneToSix, MemoryMarshal.Cast<byte, float>(file.Read("image")).ToArray());
            Assert.Throws<KeyNotFoundException>(() => file.Read("none"));
        }
    }

    [Fact]
    public void An_archive_that_is_none_or_lies_is_refused()
    {
        using TempFolder folder = new();
        byte[] array = Npy(Header, Bytes(OneToSix));
        void Expect(FileFault fault, byte[] bytes, string? member = null) => Faults.Expect(fault, () => NpzFile.Open(folder.Write("a.npz", bytes)).Dispose(), member);
        Expect(FileFault.Malformed, [1, 2, 3, 4]);
        Expect(FileFault.Malformed, Npz(CompressionLevel.Optimal, ("script.py", array)), "script.py");
        Expect(FileFault.Duplicate, Npz(CompressionLevel.Optimal, ("a.npy", array), ("a.npy", array)), "a");
        Expect(FileFault.Inconsistent, Npz(CompressionLevel.Optimal, ("a.npy", [.. array, .. new byte[100_000_000]])), "a");
        Faults.Expect(FileFault.Missing, () => NpzFile.Open(folder.File("none.npz")));
        byte[] valid = Npz(CompressionLevel.Optimal, ("image.npy", array));
        Damage.NeverSurprises(
            valid,
            valid.Length,
            path =>
            {
                using NpzFile file = NpzFile.Open(path);
                foreach (NpzArray entry in file.Arrays)
                {
                    file.Read(entry.Name);
                }
            },
            count: 600);
    }

    private static void Refuse(FileFault fault, byte[] bytes, params string[] texts)
    {
        using TempFolder folder = new();
        string path = folder.Write("a.npy", bytes);
        Faults.Expect(fault, () => NpyFile.Open(path).Dispose(), null, texts);
    }

    private static float[] Floats(byte[] npy)
    {
        using TempFolder folder = new();
        using NpyFile file = NpyFile.Open(folder.Write("a.npy", npy));
        Assert.Equal([2, 3], file.Shape);
        byte[] bytes = new byte[24];
        file.ReadRows(0, 1, bytes.AsSpan(0, 12));
        file.ReadRows(1, 1, bytes.AsSpan(12));
        return MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }

    private static byte[] Npy(string header, ReadOnlySpan<byte> content, byte version = 1)
    {
        int prefix = version == 1 ? 10 : 12;
        byte[] text = Encoding.ASCII.GetBytes(header.PadRight(((prefix + header.Length + 64) / 64 * 64) - prefix - 1) + "\n");
        byte[] length = new byte[prefix - 8];
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)text.Length);
        }

        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. content];
    }

    private static byte[] Npz(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = archive.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    private static int Digits(int[] index) => index.Aggregate(1, (number, digit) => (number * 10) + digit);

    private static IEnumerable<int[]> Indices(int[] dimensions) => dimensions.Length == 0
        ? [[]]
        : Indices(dimensions[..^1]).SelectMany(head => Enumerable.Range(0, dimensions[^1]).Select(last => (int[])[.. head, last]));

    private static int[] Strides(int[] dimensions, bool fortran)
    {
        int[] strides = new int[dimensions.Length];
        int stride = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            int at = fortran ? i : dimensions.Length - 1 - i;
            strides[at] = stride;
            stride *= dimensions[at];
        }

        return strides;
    }
}
