using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;

namespace ModelPort.Build;

/// <summary>The request file of one port.</summary>
internal static class WorkerRequest
{
    /// <summary>The request as JSON.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="outputDirectory">The absolute path of the port's folder.</param>
    /// <param name="parentProcessId">The process whose end shall end the worker.</param>
    public static string ToJson(PortOptions options, string outputDirectory, int parentProcessId)
    {
        using MemoryStream stream = new();
        using (XmlDictionaryWriter writer = JsonReaderWriterFactory.CreateJsonWriter(stream, new UTF8Encoding(false), ownsStream: false))
        {
            writer.WriteStartElement("root");
            writer.WriteAttributeString("type", "object");
            WriteNumber(writer, "protocol", 1);
            WriteString(writer, "project", options.Project);
            WriteString(writer, "item", options.Item);
            WriteString(writer, "source", options.Source);
            WriteString(writer, "name", options.Name);
            WriteString(writer, "outputDirectory", outputDirectory);
            WriteObject(writer, "metadata", options.Metadata);
            WriteObject(writer, "properties", options.Properties);
            WriteNumber(writer, "parentProcessId", parentProcessId);
            writer.WriteEndElement();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void WriteObject(XmlDictionaryWriter writer, string name, IEnumerable<KeyValuePair<string, string>> values)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "object");
        foreach (KeyValuePair<string, string> value in values)
        {
            WriteString(writer, value.Key, value.Value);
        }

        writer.WriteEndElement();
    }

    private static void WriteString(XmlDictionaryWriter writer, string name, string value)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "string");
        writer.WriteString(value);
        writer.WriteEndElement();
    }

    private static void WriteNumber(XmlDictionaryWriter writer, string name, int value)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "number");
        writer.WriteValue(value);
        writer.WriteEndElement();
    }
}
