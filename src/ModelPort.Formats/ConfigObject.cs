using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats;

/// <summary>
/// An object in a configuration file with typed lookups. Each lookup takes alternative names and uses the first that is present;
/// a null counts as absent. A value of the wrong type is a fault that names its key.
/// </summary>
public class ConfigObject
{
    // Looked through in this order for each name.
    private readonly ImmutableArray<JsonMember> layers;

    internal ConfigObject(params ImmutableArray<JsonMember> layers) => this.layers = layers;

    /// <summary>The file.</summary>
    public string Path => layers[^1].Path;

    /// <summary>The object itself.</summary>
    public JsonElement Element => layers[^1].Element;

    /// <summary>Whether one of the names is present with a value other than null.</summary>
    public bool Contains(params ReadOnlySpan<string> names) => TryFind(names, out _);

    /// <summary>The value as it stands in the file, of any kind but null.</summary>
    public bool TryGetElement(out JsonElement value, params ReadOnlySpan<string> names)
    {
        bool found = TryFind(names, out JsonMember member);
        value = member.Element;
        return found;
    }

    /// <summary>An integer; 4096.0 counts as one.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetInt64(out long value, params ReadOnlySpan<string> names)
    {
        bool found = TryFind(names, out JsonMember member);
        value = found ? member.AsInt64() : 0;
        return found;
    }

    /// <summary>A number, or one of Python's NaN, Infinity and -Infinity.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetDouble(out double value, params ReadOnlySpan<string> names)
    {
        bool found = TryFind(names, out JsonMember member);
        value = found ? member.AsDouble() : 0;
        return found;
    }

    /// <summary>A string.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetString([NotNullWhen(true)] out string? value, params ReadOnlySpan<string> names)
    {
        value = TryFind(names, out JsonMember member) ? member.AsString() : null;
        return value is not null;
    }

    /// <summary>A boolean.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetBool(out bool value, params ReadOnlySpan<string> names)
    {
        bool found = TryFind(names, out JsonMember member);
        value = found && member.AsBool();
        return found;
    }

    /// <summary>An object.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetObject([NotNullWhen(true)] out ConfigObject? value, params ReadOnlySpan<string> names)
    {
        value = TryFind(names, out JsonMember member) ? new ConfigObject(member.AsObject()) : null;
        return value is not null;
    }

    /// <summary>An array of anything.</summary>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public bool TryGetArray(out ImmutableArray<JsonElement> value, params ReadOnlySpan<string> names) =>
        TryGetList(out value, member => member.Element, names);

    /// <summary>An array of integers.</summary>
    /// <exception cref="InvalidModelFileException">The value or an item is something else.</exception>
    public bool TryGetInt64s(out ImmutableArray<long> value, params ReadOnlySpan<string> names) =>
        TryGetList(out value, member => member.AsInt64(), names);

    /// <summary>An array of numbers.</summary>
    /// <exception cref="InvalidModelFileException">The value or an item is something else.</exception>
    public bool TryGetDoubles(out ImmutableArray<double> value, params ReadOnlySpan<string> names) =>
        TryGetList(out value, member => member.AsDouble(), names);

    /// <summary>An array of strings.</summary>
    /// <exception cref="InvalidModelFileException">The value or an item is something else.</exception>
    public bool TryGetStrings(out ImmutableArray<string> value, params ReadOnlySpan<string> names) =>
        TryGetList(out value, member => member.AsString(), names);

    /// <summary>One integer or an array of integers; none if the value is absent.</summary>
    internal ImmutableArray<long> OneOrMoreInt64s(string name) => !TryFind([name], out JsonMember member) ? []
        : member.Element.ValueKind == JsonValueKind.Array ? [.. member.AsArray().Select(item => item.AsInt64())]
        : [member.AsInt64()];

    private bool TryGetList<T>(out ImmutableArray<T> value, Func<JsonMember, T> convert, ReadOnlySpan<string> names)
    {
        bool found = TryFind(names, out JsonMember member);
        value = found ? [.. member.AsArray().Select(convert)] : [];
        return found;
    }

    private bool TryFind(ReadOnlySpan<string> names, out JsonMember member)
    {
        foreach (string name in names)
        {
            foreach (JsonMember layer in layers)
            {
                if (layer.TryGet(name, out member))
                {
                    return true;
                }
            }
        }

        member = default;
        return false;
    }
}
