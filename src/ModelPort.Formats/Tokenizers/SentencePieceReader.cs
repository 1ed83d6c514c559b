using System.Collections.Immutable;
using Google.Protobuf;

namespace ModelPort.Formats.Tokenizers;

/// <summary>Reads the fields of sentencepiece_model.proto that a tokenizer needs; all others are skipped.</summary>
internal sealed class SentencePieceReader(string path)
{
    private readonly SentencePieceModel result = new(path);
    private readonly ImmutableArray<SentencePiece>.Builder pieces = ImmutableArray.CreateBuilder<SentencePiece>();
    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);

    // The texts that name the special pieces, with the defaults of TrainerSpec.
    private string unknown = "<unk>";
    private string bos = "<s>";
    private string eos = "</s>";
    private string pad = "<pad>";

    public SentencePieceModel Read(byte[] bytes)
    {
        try
        {
            ReadModel(new CodedInputStream(bytes));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidModelFileException(
                path, FileFault.Malformed, $"bytes that are no protobuf message ({e.Message.TrimEnd('.')})", "a SentencePiece model", inner: e);
        }

        if (pieces.Count == 0)
        {
            throw new InvalidModelFileException(path, FileFault.Malformed, "no pieces", "a SentencePiece model with a vocabulary");
        }

        result.Pieces = pieces.ToImmutable();
        result.UnknownId = Find(unknown, SentencePieceType.Unknown);
        result.BosId = Find(bos, SentencePieceType.Control);
        result.EosId = Find(eos, SentencePieceType.Control);
        result.PadId = Find(pad, SentencePieceType.Control);
        return result;
    }

    private void ReadModel(CodedInputStream message)
    {
        for (uint tag = message.ReadTag(); tag != 0; tag = message.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    ReadPiece(message.ReadBytes().CreateCodedInput());
                    break;
                case (2 << 3) | 2:
                    ReadTrainerSpec(message.ReadBytes().CreateCodedInput());
                    break;
                case (3 << 3) | 2:
                    ReadNormalizerSpec(message.ReadBytes().CreateCodedInput());
                    break;
                default:
                    message.SkipLastField();
                    break;
            }
        }
    }

    private void ReadPiece(CodedInputStream message)
    {
        string text = "";
        float score = 0;
        int type = (int)SentencePieceType.Normal;
        for (uint tag = message.ReadTag(); tag != 0; tag = message.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    text = ReadText(message);
                    break;
                case (2 << 3) | 5:
                    score = message.ReadFloat();
                    break;
                case (3 << 3) | 0:
                    type = message.ReadEnum();
                    break;
                default:
                    message.SkipLastField();
                    break;
            }
        }

        if (text.Length == 0)
        {
            throw Fault(FileFault.Malformed, "an empty text", "a text");
        }

        if (type is < (int)SentencePieceType.Normal or > (int)SentencePieceType.Byte)
        {
            throw Fault(FileFault.UnknownType, $"piece type {type}", "a type from 1 to 6");
        }

        if (!ids.TryAdd(text, pieces.Count))
        {
            throw Fault(FileFault.Duplicate, $"the text \"{text}\" again", "each text once");
        }

        pieces.Add(new SentencePiece(text, score, (SentencePieceType)type));
    }

    private void ReadTrainerSpec(CodedInputStream message)
    {
        for (uint tag = message.ReadTag(); tag != 0; tag = message.ReadTag())
        {
            switch (tag)
            {
                case (3 << 3) | 0:
                    int algorithm = message.ReadEnum();
                    result.ModelType = algorithm is >= (int)SentencePieceAlgorithm.Unigram and <= (int)SentencePieceAlgorithm.Char
                        ? (SentencePieceAlgorithm)algorithm
                        : throw new InvalidModelFileException(
                            path, FileFault.UnknownType, $"model type {algorithm}", "a type from 1 to 4", "trainer_spec.model_type");
                    break;
                case (24 << 3) | 0:
                    result.WhitespaceIsSuffix = message.ReadBool();
                    break;
                case (35 << 3) | 0:
                    result.ByteFallback = message.ReadBool();
                    break;
                case (45 << 3) | 2:
                    unknown = ReadText(message);
                    break;
                case (46 << 3) | 2:
                    bos = ReadText(message);
                    break;
                case (47 << 3) | 2:
                    eos = ReadText(message);
                    break;
                case (48 << 3) | 2:
                    pad = ReadText(message);
                    break;
                default:
                    message.SkipLastField();
                    break;
            }
        }
    }

    private void ReadNormalizerSpec(CodedInputStream message)
    {
        for (uint tag = message.ReadTag(); tag != 0; tag = message.ReadTag())
        {
            switch (tag)
            {
                case (2 << 3) | 2:
                    result.PrecompiledCharsMap = message.ReadBytes().Memory;
                    break;
                case (3 << 3) | 0:
                    result.AddDummyPrefix = message.ReadBool();
                    break;
                case (4 << 3) | 0:
                    result.RemoveExtraWhitespaces = message.ReadBool();
                    break;
                case (5 << 3) | 0:
                    result.EscapeWhitespaces = message.ReadBool();
                    break;
                default:
                    message.SkipLastField();
                    break;
            }
        }
    }

    private string ReadText(CodedInputStream message)
    {
        ReadOnlySpan<byte> bytes = message.ReadBytes().Span;
        return Utf8Text.IsValid(bytes)
            ? Utf8Text.Strict.GetString(bytes)
            : throw Fault(FileFault.Malformed, $"a text with {Utf8Text.DescribeInvalid(bytes)}", "UTF-8 text");
    }

    // As SentencePiece itself does: the trainer's ids are only a wish, the piece of that text and type is what counts.
    private int Find(string text, SentencePieceType type) => ids.TryGetValue(text, out int id) && pieces[id].Type == type ? id : -1;

    private InvalidModelFileException Fault(FileFault fault, string found, string expected) =>
        new(path, fault, found, expected, $"pieces[{pieces.Count}]");
}
