using Google.Protobuf;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Formats.Tests;

public sealed class SentencePieceModelTests
{
    [Fact]
    public void Fields_are_read_and_others_skipped()
    {
        byte[] trainer = Message(o =>
        {
            o.WriteRawTag(8 * 1 + 2);
            o.WriteString("input.txt");
            o.WriteRawTag(8 * 3);
            o.WriteEnum(2);
            o.WriteTag(24, WireFormat.WireType.Varint);
            o.WriteBool(true);
            o.WriteTag(35, WireFormat.WireType.Varint);
            o.WriteBool(true);
            o.WriteTag(46, WireFormat.WireType.LengthDelimited);
            o.WriteString("<bos>");
        });
        byte[] normalizer = Message(o =>
        {
            o.WriteTag(2, WireFormat.WireType.LengthDelimited);
            o.WriteBytes(ByteString.CopyFrom(1, 2, 3));
            o.WriteTag(3, WireFormat.WireType.Varint);
            o.WriteBool(false);
            o.WriteTag(4, WireFormat.WireType.Varint);
            o.WriteBool(false);
            o.WriteTag(5, WireFormat.WireType.Varint);
            o.WriteBool(false);
        });
        SentencePieceModel model = Open([
            .. Field(1, Piece("<unk>", 0, 2)), .. Field(1, Piece("<bos>", 0, 3)), .. Field(1, Piece("</s>", 0, 1)), .. Field(1, Piece("▁a", -1.5f, null)),
            .. Field(2, trainer), .. Field(3, normalizer), .. Field(200, [1, 2, 3])]);

        Assert.Equal(
            [new("<unk>", 0, SentencePieceType.Unknown), new("<bos>", 0, SentencePieceType.Control), new("</s>", 0, SentencePieceType.Normal), new("▁a", -1.5f, SentencePieceType.Normal)],
            model.Pieces);
        Assert.Equal(SentencePieceAlgorithm.Bpe, model.ModelType);
        Assert.Equal((0, 1, -1, -1), (model.UnknownId, model.BosId, model.EosId, model.PadId));
        Assert.True(model.ByteFallback);
        Assert.False(model.AddDummyPrefix);
        Assert.False(model.RemoveExtraWhitespaces || model.EscapeWhitespaces);
        Assert.True(model.WhitespaceIsSuffix);
        Assert.Equal([1, 2, 3], model.PrecompiledCharsMap.ToArray());
    }

    [Fact]
    public void Absent_fields_have_the_defaults_of_the_format()
    {
        SentencePieceModel model = Open(Field(1, Piece("a", 0, null)));
        Assert.Equal(SentencePieceAlgorithm.Unigram, model.ModelType);
        Assert.True(model.AddDummyPrefix && model.RemoveExtraWhitespaces && model.EscapeWhitespaces);
        Assert.False(model.ByteFallback || model.WhitespaceIsSuffix);
        Assert.True(model.PrecompiledCharsMap.IsEmpty);
        Assert.Equal(-1, model.UnknownId);
    }

    [Fact]
    public void What_is_no_model_is_refused()
    {
        Refuse(FileFault.Malformed, []);
        Refuse(FileFault.Malformed, "{\"version\": 1}"u8.ToArray());
        Refuse(FileFault.Malformed, Field(1, Piece("", 0, null)), "pieces[0]");
        Refuse(FileFault.Duplicate, [.. Field(1, Piece("a", 0, null)), .. Field(1, Piece("a", 0, null))], "pieces[1]");
        Refuse(FileFault.UnknownType, Field(1, Piece("a", 0, 7)), "pieces[0]");
        Refuse(FileFault.UnknownType, Field(1, Piece("a", 0, -1)), "pieces[0]");
        Refuse(FileFault.UnknownType, Field(2, [8 * 3, 9]), "trainer_spec.model_type");
        Refuse(FileFault.Malformed, Field(1, [8 + 2, 2, 0xC3, 0x28]), "pieces[0]");
        Refuse(FileFault.Malformed, [8 + 2, 100, 1, 2]);
        Refuse(FileFault.Malformed, [8 + 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]);
        Refuse(FileFault.Malformed, [.. Enumerable.Repeat((byte)((8 * 15) + 3), 100_000)]);
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] model = File.ReadAllBytes(Fixtures.Model("mistral-spm", "tokenizer.model"));
        Damage.NeverSurprises(model, model.Length, path => SentencePieceModel.Open(path));
    }

    private static byte[] Piece(string text, float score, int? type) => Message(o =>
    {
        o.WriteTag(1, WireFormat.WireType.LengthDelimited);
        o.WriteString(text);
        o.WriteTag(2, WireFormat.WireType.Fixed32);
        o.WriteFloat(score);
        if (type is int value)
        {
            o.WriteTag(3, WireFormat.WireType.Varint);
            o.WriteEnum(value);
        }
    });

    private static byte[] Field(int number, byte[] content) => Message(o =>
    {
        o.WriteTag(number, WireFormat.WireType.LengthDelimited);
        o.WriteBytes(ByteString.CopyFrom(content));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream))
        {
            write(output);
        }

        return stream.ToArray();
    }

    private static void Refuse(FileFault fault, byte[] bytes, string? member = null) => Faults.Expect(fault, () => Open(bytes), member);

    private static SentencePieceModel Open(byte[] bytes)
    {
        using TempFolder folder = new();
        return SentencePieceModel.Open(folder.Write("tokenizer.model", bytes));
    }
}
