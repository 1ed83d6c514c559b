using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using ModelPort.Diagnostics;
using ModelPort.Onnx.Data;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Data of every form as rows.</summary>
public sealed class DataTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Arrays_of_NumPy_are_those_of_safetensors()
    {
        float[] values = [.. Enumerable.Range(0, 6).Select(i => (float)i)];
        var expected = DataFiles.Write(_folder["a.safetensors"], ("x", values, [3, 2]));
        File.WriteAllBytes(_folder["a.npy"], Npy("<f4", "(3, 2)", MemoryMarshal.AsBytes<float>(values)));
        using (var archive = ZipFile.Open(_folder["a.npz"], ZipArchiveMode.Create))
        {
            using var stream = archive.CreateEntry("x.npy").Open();
            stream.Write(File.ReadAllBytes(_folder["a.npy"]));
        }

        Assert.All(new[] { expected, _folder["a.npy"], _folder["a.npz"] }, path => Assert.Equal([2f, 3, 4, 5], Rows(path, 1, 2)));
    }

    [Theory]
    [InlineData("""{ "images": "i", "width": 2, "height": 2, "scale": 1 }""", new float[] { 10, 40, 70, 100, 20, 50, 80, 110, 30, 60, 90, 120 })]
    [InlineData("""{ "images": "i", "width": 2, "height": 2, "scale": 1, "layout": "NHWC", "channels": "BGR" }""", new float[] { 30, 20, 10, 60, 50, 40, 90, 80, 70, 120, 110, 100 })]
    [InlineData("""{ "images": "i", "width": 1, "height": 1, "scale": 0.1, "mean": [1, 2, 3], "std": [1, 2, 4] }""", new float[] { 4.5f, 2.25f, 1.125f })]
    [InlineData("""{ "images": "i", "width": 2, "height": 1, "scale": 1, "fit": "Crop" }""", new float[] { 40, 70, 50, 80, 60, 90 })]
    public void Pixels_become_an_input_as_the_description_says(string description, float[] expected)
    {
        Directory.CreateDirectory(_folder["i"]);
        File.WriteAllBytes(Path.Combine(_folder["i"], "a.bmp"), Bmp());
        File.WriteAllText(_folder["d.json"], description);
        var found = Rows(_folder["d.json"], 0, 1);
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Folders_of_classes_are_labels_in_the_order_that_is_given()
    {
        foreach (var name in new[] { "cat/1.bmp", "cat/2.bmp", "ant/1.bmp" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
            File.WriteAllBytes(_folder[name], Bmp());
        }

        File.WriteAllText(_folder["d.json"], """{ "images": ".", "width": 1, "height": 1, "classes": ["cat", "ant"] }""");
        using var table = DataFile.Open(_folder["d.json"]);
        Assert.Equal(4, table.Files.Count);
        var labels = new byte[24];
        table.Read(table.Columns.Single(c => c.Name == "labels"), 0, labels);
        Assert.Equal([0L, 0, 1], MemoryMarshal.Cast<byte, long>(labels).ToArray());
    }

    [Theory]
    [InlineData("{", "MP1092")]
    [InlineData("""{ "images": "i", "width": 2 }""", "MP1092")]
    [InlineData("""{ "images": "i", "width": 2, "height": 2, "meen": [1] }""", "MP1092")]
    [InlineData("""{ "images": "i", "width": 2, "height": 2, "mean": [1] }""", "MP1092")]
    [InlineData("""{ "images": "none", "width": 2, "height": 2 }""", "MP1092")]
    [InlineData("""{ "images": "i", "width": 2, "height": 2 }""", "MP1093")]
    public void What_cannot_be_used_is_named(string description, string code)
    {
        Directory.CreateDirectory(_folder["i"]);
        File.WriteAllText(Path.Combine(_folder["i"], "a.png"), "no image");
        File.WriteAllText(_folder["d.json"], description);
        Assert.Equal(code, Assert.Throws<ModelPortException>(() => Rows(_folder["d.json"], 0, 1)).Diagnostic.Code);
    }

    private static float[] Rows(string path, long first, int count)
    {
        using var table = DataFile.Open(path);
        var column = table.Columns[0];
        var bytes = new byte[column.RowBytes * count];
        table.Read(column, first, bytes);
        return MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }

    private static byte[] Npy(string type, string shape, ReadOnlySpan<byte> values)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. values];
    }

    // Two by two pixels of 24 bits: (10,20,30) (40,50,60) above (70,80,90) (100,110,120); rows stand from the bottom up, blue first, padded to four bytes.
    private static byte[] Bmp()
    {
        byte[] pixels = [90, 80, 70, 120, 110, 100, 0, 0, 30, 20, 10, 60, 50, 40, 0, 0];
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("BM"u8);
        writer.Write(54 + pixels.Length);
        writer.Write(0);
        writer.Write(54);
        writer.Write(40);
        writer.Write(2);
        writer.Write(2);
        writer.Write((short)1);
        writer.Write((short)24);
        writer.Write(0);
        writer.Write(pixels.Length);
        writer.Write(0L);
        writer.Write(0L);
        writer.Write(pixels);
        return stream.ToArray();
    }
}
