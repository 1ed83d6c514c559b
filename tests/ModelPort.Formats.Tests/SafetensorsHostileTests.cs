using System.Buffers.Binary;
using System.Text;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Formats.Tests;

public sealed class SafetensorsHostileTests
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";

    [Fact]
    public void The_file_that_the_others_are_variations_of_is_accepted()
    {
        using SafetensorsFile file = OpenText(Good, 11);
        Assert.Equal(["a", "b"], file.Tensors.Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.UnknownType, "a")]
    [InlineData("""{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.UnknownType, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, FileFault.Truncated, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, FileFault.Inconsistent, null)]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, FileFault.Inconsistent, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, FileFault.Malformed, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, FileFault.Malformed, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, FileFault.Malformed, "a.data_offsets[0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.shape[0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.shape[0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.shape[0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, FileFault.TooLarge, "a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}""", 8, FileFault.TooLarge, "a")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, FileFault.TooLarge, "a")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.dtype")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, FileFault.Malformed, "a.data_offsets")]
    [InlineData("""{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a.dtype")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Duplicate, "a")]
    [InlineData("""{"a":[1]}""", 8, FileFault.Malformed, "a")]
    [InlineData("""{"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "")]
    [InlineData("""{"a\u0000":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, "a\0")]
    [InlineData("""{"a\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, FileFault.Malformed, null)]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, FileFault.Duplicate, "a")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}""", 8, FileFault.Inconsistent, "b")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}}""", 8, FileFault.Inconsistent, "b")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 4, FileFault.Inconsistent, "b")]
    [InlineData("""{"__metadata__":{"x":1}}""", 0, FileFault.Malformed, "__metadata__.x")]
    [InlineData("""{"__metadata__":{"x":"1","x":"2"}}""", 0, FileFault.Duplicate, "__metadata__.x")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, FileFault.Duplicate, "__metadata__")]
    [InlineData("""{"a":""", 8, FileFault.Malformed, null)]
    [InlineData("""{} {}""", 0, FileFault.Malformed, null)]
    [InlineData("""[]""", 0, FileFault.Malformed, null)]
    [InlineData(""" {}""", 0, FileFault.Malformed, null)]
    [InlineData("", 0, FileFault.Malformed, null)]
    public void Headers_that_break_a_rule_are_refused(string header, int dataBytes, FileFault fault, string? member)
    {
        InvalidModelFileException e = Faults.Expect(fault, () => OpenText(header, dataBytes).Dispose());
        Assert.Equal(member, e.Member);
    }

    [Fact]
    public void A_header_longer_than_the_file_is_truncated_and_one_beyond_the_limit_too_large()
    {
        using TempFolder folder = new();
        byte[] bytes = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, 57);
        Faults.Expect(FileFault.Truncated, () => SafetensorsFile.Open(folder.Write("a", bytes)));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, 100_000_001);
        Faults.Expect(FileFault.TooLarge, () => SafetensorsFile.Open(folder.Write("b", bytes)));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.MaxValue);
        Faults.Expect(FileFault.TooLarge, () => SafetensorsFile.Open(folder.Write("c", bytes)));
        Faults.Expect(FileFault.Truncated, () => SafetensorsFile.Open(folder.Write("d", new byte[7])));
        Faults.Expect(FileFault.Truncated, () => SafetensorsFile.Open(folder.Write("e", [])));
    }

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused_with_the_place()
    {
        byte[] header = Encoding.UTF8.GetBytes(Good);
        header[2] = 0xFF;
        Faults.Expect(FileFault.Malformed, () => OpenBytes(header, 11).Dispose(), null, "0xFF at offset 2");
    }

    [Fact]
    public void Missing_files_and_folders_in_place_of_files_are_faults()
    {
        using TempFolder folder = new();
        Faults.Expect(FileFault.Missing, () => SafetensorsFile.Open(folder.File("none")));
        Faults.Expect(FileFault.Missing, () => SafetensorsFile.Open(folder.File("none/none")));
        Directory.CreateDirectory(folder.File("folder"));
        Faults.Expect(FileFault.Unreadable, () => SafetensorsFile.Open(folder.File("folder")));
    }

    [Fact]
    public void A_file_that_shrinks_while_open_is_truncated_at_the_tensor()
    {
        using TempFolder folder = new();
        string path = folder.Write("a.safetensors", Compose(Encoding.UTF8.GetBytes(Good), 11));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (FileStream stream = new(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete }))
        {
            stream.SetLength(stream.Length - 1);
        }

        byte[] buffer = new byte[3];
        file.TryGet("b", out SafetensorsTensor? b);
        Faults.Expect(FileFault.Truncated, () => file.Read(b!, 0, buffer), "b");
    }

    [Fact]
    public void Reads_outside_a_tensor_are_errors_of_the_caller()
    {
        using SafetensorsFile file = OpenText(Good, 11);
        SafetensorsTensor a = file.Tensors[0];
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(a, 1, new byte[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(a, -1, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(a, long.MaxValue, new byte[1]));
        file.Read(a, 8, []);
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless() => Damage.NeverSurprises(Compose(Encoding.UTF8.GetBytes(Good), 11), 8 + Good.Length, ReadAll);

    [Fact]
    public void Messages_do_not_carry_control_characters_or_megabytes()
    {
        string name = new('x', 5000);
        InvalidModelFileException e = Faults.Expect(FileFault.Malformed, () => OpenText($$$"""{"{{{name}}}\u001b":{} }""", 0).Dispose());
        Assert.True(e.Message.Length < 1000);
        Assert.DoesNotContain('\u001b', e.Message);
        Assert.Equal(name + "\u001b", e.Member);
    }

    private static void ReadAll(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            file.Read(tensor, 0, new byte[tensor.ByteLength]);
        }
    }

    private static SafetensorsFile OpenText(string header, int dataBytes) => OpenBytes(Encoding.UTF8.GetBytes(header), dataBytes);

    private static SafetensorsFile OpenBytes(byte[] header, int dataBytes)
    {
        using TempFolder folder = new();
        return SafetensorsFile.Open(folder.Write("test.safetensors", Compose(header, dataBytes)));
    }

    private static byte[] Compose(byte[] header, int dataBytes)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        return [.. length, .. header, .. new byte[dataBytes]];
    }
}
