using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace ModelPort.Build;

/// <summary>One line of the worker's output that is a JSON object. The framework's own JSON reader serves it, because a task that brings a library fights the host's.</summary>
internal sealed class WorkerLine
{
    private readonly XElement _root;

    private WorkerLine(XElement root)
    {
        _root = root;
    }

    /// <summary>Reads a line; null when it is anything but a JSON object.</summary>
    public static WorkerLine? TryParse(string line)
    {
        if (!line.TrimStart().StartsWith("{", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            using XmlDictionaryReader reader = JsonReaderWriterFactory.CreateJsonReader(Encoding.UTF8.GetBytes(line), XmlDictionaryReaderQuotas.Max);
            XElement root = XElement.Load(reader);
            return (string?)root.Attribute("type") == "object" ? new WorkerLine(root) : null;
        }
        catch (Exception e) when (e is XmlException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The value of a field, or an empty text.</summary>
    public string Text(string field) => _root.Element(field)?.Value ?? "";

    /// <summary>The texts of a field that is an array; of any other field none.</summary>
    public IEnumerable<string> Texts(string field) =>
        _root.Element(field) is { } array && (string?)array.Attribute("type") == "array" ? array.Elements().Select(element => element.Value) : [];
}
