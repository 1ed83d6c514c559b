using System.Numerics;
using Google.Protobuf;

namespace ModelPort.Formats.Onnx;

/// <summary>
/// Writes a model as one message: the serialised skeleton with the content put in where it was left out, and every length around it corrected.
/// </summary>
internal sealed class ModelExpansion
{
    private readonly byte[] skeleton;
    private readonly IReadOnlyList<StoredContent> contents;
    private readonly List<Piece> pieces = [];

    public ModelExpansion(ModelProto model, IReadOnlyList<StoredContent> contents)
    {
        this.contents = contents;
        skeleton = model.ToByteArray();
        Length = Expand(WireMessage.Model, 0, skeleton.Length);
    }

    /// <summary>Size of the whole message in bytes.</summary>
    public long Length { get; }

    public void Write(Stream stream)
    {
        foreach (Piece piece in pieces)
        {
            if (piece.Content is { } content)
            {
                WriteNumber(stream, Tag(content.Field));
                WriteNumber(stream, (ulong)content.Content.Length);
                content.Content.CopyTo(stream);
                continue;
            }

            stream.Write(skeleton, piece.Start, piece.Count);
            if (piece.Inside is { } length)
            {
                WriteNumber(stream, (ulong)length);
            }
        }
    }

    // Adds the pieces of a message and returns its length.
    private long Expand(WireMessage message, int position, int end)
    {
        StoredContent? content = message == WireMessage.Tensor ? ContentOf(position, end) : null;
        long length = 0;
        while (position < end)
        {
            WireField field = FieldAt(position);
            position = (int)field.End;

            // Among the other fields the content stands where its number belongs; the mark itself comes last.
            if (content is not null && field.Number > content.Field)
            {
                length += AddContent(content);
                content = null;
            }

            WireMessage inside = field.Type == WireType.LengthDelimited ? WireSchema.Inside(message, field.Number) : WireMessage.Other;
            if (inside != WireMessage.Other)
            {
                length += AddMessage(inside, field);
            }
            else if (message != WireMessage.Tensor || field.Number != TensorProto.ContentFieldNumber)
            {
                length += AddCopy((int)field.TagStart, position);
            }
        }

        return length;
    }

    private long AddMessage(WireMessage message, WireField field)
    {
        int first = pieces.Count;
        int tag = NumberLength(Tag(field.Number));
        pieces.Add(new Piece((int)field.TagStart, tag, 0));
        long inside = Expand(message, (int)field.Start, (int)field.End);
        bool unchanged = pieces.Count == first + 1
            || (pieces.Count == first + 2 && pieces[^1] is { Content: null, Inside: null } only && only.Count == field.Length);
        if (unchanged)
        {
            pieces.RemoveRange(first, pieces.Count - first);
            return AddCopy((int)field.TagStart, (int)field.End);
        }

        pieces[first] = pieces[first] with { Inside = inside };
        return tag + NumberLength((ulong)inside) + inside;
    }

    private long AddCopy(int start, int end)
    {
        if (pieces.Count > 0 && pieces[^1] is { Content: null, Inside: null } last && last.Start + last.Count == start)
        {
            pieces[^1] = last with { Count = end - last.Start };
        }
        else
        {
            pieces.Add(new Piece(start, end - start, null));
        }

        return end - start;
    }

    private long AddContent(StoredContent content)
    {
        pieces.Add(new Piece(0, 0, null, content));
        long length = content.Content.Length;
        return NumberLength(Tag(content.Field)) + NumberLength((ulong)length) + length;
    }

    private StoredContent? ContentOf(int position, int end)
    {
        while (position < end)
        {
            WireField field = FieldAt(position);
            if (field.Number == TensorProto.ContentFieldNumber)
            {
                int start = (int)field.Start;
                return contents[(int)NumberAt(ref start)];
            }

            position = (int)field.End;
        }

        return null;
    }

    // The bytes are those of the serialiser a moment ago, so nothing in them needs a check.
    private WireField FieldAt(int position)
    {
        int start = position;
        ulong tag = NumberAt(ref position);
        WireType type = (WireType)(tag & 7);
        int value = position;
        int length = type switch
        {
            WireType.Fixed64 => 8,
            WireType.Fixed32 => 4,
            WireType.LengthDelimited => (int)NumberAt(ref value),
            _ => VarintLength(position),
        };
        return new WireField((int)(tag >> 3), type, start, value, length);
    }

    private ulong NumberAt(ref int position)
    {
        ulong value = 0;
        int shift = 0;
        byte next;
        do
        {
            next = skeleton[position++];
            value |= (ulong)(next & 0x7F) << shift;
            shift += 7;
        }
        while (next >= 0x80);
        return value;
    }

    private int VarintLength(int position)
    {
        int end = position;
        NumberAt(ref end);
        return end - position;
    }

    private static ulong Tag(int field) => ((ulong)(uint)field << 3) | (ulong)WireType.LengthDelimited;

    private static int NumberLength(ulong value) => value == 0 ? 1 : (BitOperations.Log2(value) / 7) + 1;

    private static void WriteNumber(Stream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }

    /// <summary>Bytes of the skeleton and after them, if it is the tag of a message, the message's length; or a content.</summary>
    private readonly record struct Piece(int Start, int Count, long? Inside, StoredContent? Content = null);
}
