using System.Collections.Immutable;
using System.Text.Json;

namespace ModelPort.Formats.Json;

/// <summary>A value in a JSON file that knows its file and its dotted name, so that a wrong type can be reported with both.</summary>
internal readonly record struct JsonMember(string Path, string Name, JsonElement Element)
{
    /// <summary>A property of this object. A null counts as absent, as it does for readers of these files.</summary>
    public bool TryGet(string name, out JsonMember member)
    {
        if (Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind != JsonValueKind.Null)
        {
            member = new JsonMember(Path, Child(name), value);
            return true;
        }

        member = default;
        return false;
    }

    public JsonMember Require(string name) => TryGet(name, out JsonMember member)
        ? member
        : throw new InvalidModelFileException(Path, FileFault.Malformed, "nothing", "a value", Child(name));

    public JsonMember AsObject() => Element.ValueKind == JsonValueKind.Object ? this : throw Mismatch("an object");

    public string AsString() => Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Mismatch("a string");

    public bool AsBool() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Mismatch("true or false"),
    };

    /// <summary>An integer; 4096.0 and 1e4 count, as JSON does not tell integers from other numbers.</summary>
    public long AsInt64()
    {
        if (Element.ValueKind == JsonValueKind.Number)
        {
            if (Element.TryGetInt64(out long integer))
            {
                return integer;
            }

            // Beyond 2^63 a double cannot be cast back.
            if (Element.TryGetDouble(out double number) && Math.Floor(number) == number && Math.Abs(number) < 9.2e18)
            {
                return (long)number;
            }
        }

        throw Mismatch("an integer");
    }

    public int AsInt32()
    {
        long value = AsInt64();
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Mismatch("a 32-bit integer");
    }

    public double AsDouble()
    {
        if (Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double number))
        {
            return number;
        }

        return Element.ValueKind == JsonValueKind.String && PythonLiterals.TryParse(Element.GetString(), out double literal)
            ? literal
            : throw Mismatch("a number");
    }

    public ImmutableArray<JsonMember> AsArray()
    {
        if (Element.ValueKind != JsonValueKind.Array)
        {
            throw Mismatch("an array");
        }

        ImmutableArray<JsonMember>.Builder items = ImmutableArray.CreateBuilder<JsonMember>(Element.GetArrayLength());
        foreach (JsonElement item in Element.EnumerateArray())
        {
            items.Add(new JsonMember(Path, $"{Name}[{items.Count}]", item));
        }

        return items.MoveToImmutable();
    }

    public IEnumerable<(string Name, JsonMember Value)> Properties()
    {
        foreach (JsonProperty property in AsObject().Element.EnumerateObject())
        {
            yield return (property.Name, new JsonMember(Path, Child(property.Name), property.Value));
        }
    }

    public InvalidModelFileException Mismatch(string expected) =>
        new(Path, FileFault.Malformed, Describe(Element), expected, Name.Length == 0 ? null : Name);

    private string Child(string name) => Name.Length == 0 ? name : $"{Name}.{name}";

    private static string Describe(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => $"the string \"{element.GetString()}\"",
        JsonValueKind.Number => $"the number {element.GetRawText()}",
        JsonValueKind.Null => "null",
        _ => element.ValueKind == JsonValueKind.True ? "true" : "false",
    };
}
