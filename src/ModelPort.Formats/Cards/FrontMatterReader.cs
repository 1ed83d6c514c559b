using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ModelPort.Formats.Cards;

/// <summary>
/// Builds nodes from YamlDotNet's events. The depth is bounded, and an alias shares its node instead of copying it, so that neither
/// nested brackets nor repeated aliases cost more than the text itself.
/// </summary>
internal sealed class FrontMatterReader
{
    private const int MaxDepth = 32;

    private readonly string path;
    private readonly int firstLine;
    private readonly Parser parser;
    private readonly Dictionary<AnchorName, CardNode> anchors = [];

    private FrontMatterReader(string path, string yaml, int firstLine)
    {
        this.path = path;
        this.firstLine = firstLine;
        parser = new Parser(new StringReader(yaml));
    }

    /// <param name="path">The file, for messages.</param>
    /// <param name="yaml">The text between the two marks.</param>
    /// <param name="firstLine">The line of the file on which that text begins.</param>
    /// <returns>The mapping, or null if there is nothing but comments.</returns>
    public static CardNode? Read(string path, string yaml, int firstLine)
    {
        FrontMatterReader reader = new(path, yaml, firstLine);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException e)
        {
            throw reader.Fault(FileFault.Malformed, $"broken YAML ({e.Message.TrimEnd('.')})", e.Start.Line, "valid YAML", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException
            or FormatException or OverflowException)
        {
            // YamlDotNet's scanner also fails with these on some broken texts.
            throw reader.Fault(FileFault.Malformed, "text that is no YAML", reader.parser.Current?.End.Line ?? 1, "valid YAML", e);
        }
    }

    private CardNode? ReadDocument()
    {
        parser.Consume<StreamStart>();
        if (!parser.TryConsume<DocumentStart>(out var _))
        {
            return null;
        }

        CardNode root = ReadNode(0);
        parser.Consume<DocumentEnd>();
        if (!parser.Accept<StreamEnd>(out var _))
        {
            throw Fault(FileFault.Malformed, "a second document", parser.Current!.Start.Line, "one mapping");
        }

        return root;
    }

    private CardNode ReadNode(int depth)
    {
        if (depth > MaxDepth)
        {
            throw Fault(FileFault.TooLarge, $"more than {MaxDepth} levels", parser.Current!.Start.Line, "fewer levels");
        }

        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            return anchors.TryGetValue(alias.Value, out CardNode? shared)
                ? shared
                : throw Fault(FileFault.Malformed, $"the alias *{alias.Value}", alias.Start.Line, "an anchor above it");
        }

        NodeEvent start = parser.Consume<NodeEvent>();
        CardNode node = start switch
        {
            Scalar scalar => new CardNode(Line(start.Start.Line), IsNull(scalar) ? null : scalar.Value),
            SequenceStart => new CardNode(Line(start.Start.Line)) { Items = ReadItems(depth) },
            _ => new CardNode(Line(start.Start.Line)) { Members = ReadMembers(depth) },
        };

        // Registered only when complete: a node cannot contain itself.
        if (!start.Anchor.IsEmpty)
        {
            anchors[start.Anchor] = node;
        }

        return node;
    }

    private ImmutableArray<CardNode> ReadItems(int depth)
    {
        ImmutableArray<CardNode>.Builder items = ImmutableArray.CreateBuilder<CardNode>();
        while (!parser.TryConsume<SequenceEnd>(out var _))
        {
            items.Add(ReadNode(depth + 1));
        }

        return items.ToImmutable();
    }

    private OrderedDictionary<string, CardNode> ReadMembers(int depth)
    {
        OrderedDictionary<string, CardNode> members = new(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out var _))
        {
            if (!parser.TryConsume<Scalar>(out var key))
            {
                throw Fault(FileFault.Malformed, "a key that is no text", parser.Current!.Start.Line, "a text as key");
            }

            if (!members.TryAdd(key.Value, ReadNode(depth + 1)))
            {
                throw Fault(FileFault.Duplicate, $"the key \"{key.Value}\" again", key.Start.Line, "each key once");
            }
        }

        return members;
    }

    private static bool IsNull(Scalar scalar) => scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";

    private int Line(long yamlLine) => firstLine + (int)yamlLine - 1;

    private InvalidModelFileException Fault(FileFault fault, string found, long yamlLine, string expected, Exception? inner = null) =>
        new(path, fault, $"{found} at line {Line(yamlLine)}", expected, "front matter", inner);
}
