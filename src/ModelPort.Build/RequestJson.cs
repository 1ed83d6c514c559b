using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;

namespace ModelPort.Build;

/// <summary>Writes requests of the worker as JSON, by the framework's own writer: a task that brings a library fights the host's.</summary>
internal static class RequestJson
{
    /// <summary>A request; its first member is the protocol.</summary>
    public static string Write(Action<XmlDictionaryWriter> members)
    {
        using MemoryStream stream = new();
        using (XmlDictionaryWriter writer = JsonReaderWriterFactory.CreateJsonWriter(stream, new UTF8Encoding(false), ownsStream: false))
        {
            writer.WriteStart("root", "object");
            writer.WriteNumber("protocol", 1);
            members(writer);
            writer.WriteEndElement();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Begins an object or an array.</summary>
    public static void WriteStart(this XmlDictionaryWriter writer, string name, string type)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", type);
    }

    /// <summary>A member that is a text.</summary>
    public static void WriteText(this XmlDictionaryWriter writer, string name, string value)
    {
        writer.WriteStart(name, "string");
        writer.WriteString(value);
        writer.WriteEndElement();
    }

    /// <summary>A member that is a number.</summary>
    public static void WriteNumber(this XmlDictionaryWriter writer, string name, int value)
    {
        writer.WriteStart(name, "number");
        writer.WriteValue(value);
        writer.WriteEndElement();
    }

    /// <summary>A member that is true or false.</summary>
    public static void WriteFlag(this XmlDictionaryWriter writer, string name, bool value)
    {
        writer.WriteStart(name, "boolean");
        writer.WriteValue(value);
        writer.WriteEndElement();
    }

    /// <summary>A member that has texts by name.</summary>
    public static void WriteTexts(this XmlDictionaryWriter writer, string name, IEnumerable<KeyValuePair<string, string>> values)
    {
        writer.WriteStart(name, "object");
        foreach (KeyValuePair<string, string> value in values)
        {
            writer.WriteText(value.Key, value.Value);
        }

        writer.WriteEndElement();
    }
}
