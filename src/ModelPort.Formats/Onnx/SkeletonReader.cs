using Google.Protobuf;

namespace ModelPort.Formats.Onnx;

/// <summary>A tensor's values outside its message, and the field that holds them in a file.</summary>
internal sealed record StoredContent(OnnxContent Content, int Field);

/// <summary>
/// Reads a model without its weights: finds the tensors in the file, leaves what is large in them where it is, and has the rest, the skeleton, parsed.
/// </summary>
internal sealed class SkeletonReader
{
    /// <summary>Content of fewer bytes is kept in its message: shapes, axes, scalars.</summary>
    public const int InlineBytes = 1024;

    // The largest graphs that exporters make have some 10 MB. An object takes more memory than its bytes in the file, so that both are bounded.
    private const int LongestSkeleton = 256 << 20;
    private const int MostMessages = 4_000_000;

    // What Google.Protobuf parses: a graph inside a graph is three levels.
    private const int DeepestMessage = 100;

    private readonly SourceFile file;
    private readonly WireCursor cursor;
    private readonly SkeletonBuffer skeleton;
    private readonly List<StoredContent> contents = [];
    private int messages;

    private SkeletonReader(SourceFile file)
    {
        this.file = file;
        cursor = new WireCursor(file);
        skeleton = new SkeletonBuffer((int)Math.Min(file.Length, 1 << 16));
    }

    /// <summary>Reads a file's messages, and where the content is that they leave out.</summary>
    /// <exception cref="InvalidModelFileException">The file is no protobuf message, or an absurd one.</exception>
    public static (ModelProto Model, List<StoredContent> Contents) Read(SourceFile file)
    {
        SkeletonReader reader = new(file);
        reader.ReadMessage(WireMessage.Model, 0, file.Length, 1);
        try
        {
            return (ModelProto.Parser.ParseFrom(reader.skeleton.Written), reader.contents);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException)
        {
            throw new InvalidModelFileException(file.Path, FileFault.Malformed, e.Message.TrimEnd('.'), "a model as a protobuf message", null, e);
        }
    }

    private void ReadMessage(WireMessage message, long position, long end, int depth)
    {
        if (++messages > MostMessages)
        {
            throw Fault(FileFault.TooLarge, $"more than {MostMessages} nodes, attributes and tensors", "a graph that a program made");
        }

        if (depth > DeepestMessage)
        {
            throw Fault(FileFault.TooLarge, $"messages nested more than {DeepestMessage} deep", "fewer levels");
        }

        while (position < end)
        {
            WireField field = cursor.ReadField(position, end);
            position = field.End;
            WireMessage inside = field.Type == WireType.LengthDelimited ? WireSchema.Inside(message, field.Number) : WireMessage.Other;
            if (inside == WireMessage.Other)
            {
                Keep(field);
                continue;
            }

            int start = skeleton.BeginMessage(field.Number);
            if (inside == WireMessage.Tensor)
            {
                ReadTensor(field.Start, field.End);
            }
            else
            {
                ReadMessage(inside, field.Start, field.End, depth + 1);
            }

            skeleton.EndMessage(start);
        }
    }

    private void ReadTensor(long position, long end)
    {
        List<WireField> content = [];
        string name = "";
        long start = position;
        while (position < end)
        {
            WireField field = cursor.ReadField(position, end);
            position = field.End;
            if (field.Number == TensorProto.ContentFieldNumber)
            {
                throw Fault(FileFault.Malformed, $"a tensor with the field {field.Number}", "a field of the format");
            }

            if (field.Type == WireType.LengthDelimited && WireSchema.IsContent(field.Number))
            {
                content.Add(field);
            }
            else if (field.Number == TensorProto.NameFieldNumber && field.Length <= InlineBytes)
            {
                name = Text(field);
            }
        }

        // Content in several pieces is rare and small: a list may be written so, but no exporter does.
        WireField? outside = content is [{ Length: >= InlineBytes } only] && (only.Number == TensorProto.RawDataFieldNumber || only.Length % 8 == 0)
            ? only
            : null;
        for (position = start; position < end;)
        {
            WireField field = cursor.ReadField(position, end);
            position = field.End;
            if (field == outside)
            {
                skeleton.Varint(TensorProto.ContentFieldNumber, (ulong)contents.Count);
                contents.Add(new StoredContent(OnnxContent.In(file, field.Start, field.Length, name), field.Number));
            }
            else
            {
                Keep(field);
            }
        }
    }

    private void Keep(WireField field)
    {
        long length = field.End - field.TagStart;
        if (length > LongestSkeleton - skeleton.Length)
        {
            throw Fault(FileFault.TooLarge, $"a graph of more than {LongestSkeleton} bytes without its weights", "a graph that a program made");
        }

        cursor.Copy(field.TagStart, skeleton.Next((int)length));
    }

    private string Text(WireField field)
    {
        byte[] bytes = new byte[field.Length];
        cursor.Copy(field.Start, bytes);
        return System.Text.Encoding.UTF8.GetString(bytes);
    }

    private InvalidModelFileException Fault(FileFault fault, string found, string expected) => new(file.Path, fault, found, expected);
}
