using System.Globalization;
using ModelPort.Diagnostics;

namespace ModelPort;

/// <summary>Values by name as users wrote them, metadata of an item or properties of a build, and what each may be. An empty value is none.</summary>
/// <param name="values">The values.</param>
/// <param name="prefix">What users write before the names of these.</param>
/// <param name="file">The file that errors point at.</param>
internal sealed class OptionValues(IReadOnlyDictionary<string, string> values, string prefix, string file)
{
    /// <summary>The file that errors point at.</summary>
    public string File => file;

    /// <summary>The text of a value; null where it is not set.</summary>
    public string? this[string name] => values.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>These where they set a value, or else others.</summary>
    public OptionValues Or(OptionValues others, string name) => this[name] is null ? others : this;

    /// <summary>True or false, which is the default.</summary>
    /// <exception cref="ModelPortException">MP1020: it is neither.</exception>
    public bool Switch(string name) => OneOf(name, "true or false", false, ("false", false), ("true", true));

    /// <summary>One of a few words, in any case.</summary>
    /// <exception cref="ModelPortException">MP1020: it is none of them.</exception>
    public T OneOf<T>(string name, string expected, T fallback, params ReadOnlySpan<(string Word, T Value)> words)
    {
        if (this[name] is not { } value)
        {
            return fallback;
        }

        foreach (var (word, meant) in words)
        {
            if (word.Equals(value, StringComparison.OrdinalIgnoreCase))
            {
                return meant;
            }
        }

        throw Invalid(name, expected);
    }

    /// <summary>A whole number above zero; null where it is not set.</summary>
    /// <exception cref="ModelPortException">MP1020: it is none.</exception>
    public int? Count(string name) => this[name] is not { } value ? null
        : int.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var count) && count > 0 ? count
        : throw Invalid(name, "a whole number above zero");

    /// <summary>A whole number in a range; null where it is not set.</summary>
    /// <exception cref="ModelPortException">MP1020: it is none, or outside the range.</exception>
    public int? Within(string name, int least, int most) => this[name] is not { } value ? null
        : int.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var count) && count >= least && count <= most ? count
        : throw Invalid(name, $"a whole number from {least} to {most}");

    /// <summary>A number with a decimal point; null where it is not set.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="expected">What it may be, for people.</param>
    /// <param name="above">What it must be above.</param>
    /// <param name="most">The largest that it may be.</param>
    /// <exception cref="ModelPortException">MP1020: it is none, or outside the range.</exception>
    public double? Number(string name, string expected, double above = 0, double most = double.MaxValue) => this[name] is not { } value ? null
        : double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > above && number <= most ? number
        : throw Invalid(name, expected);

    /// <summary>A size in bytes; null where it is not set.</summary>
    /// <exception cref="ModelPortException">MP1020: it is none.</exception>
    public long? Size(string name, string examples) => this[name] is not { } value ? null
        : Sizes.TryParse(value, out var bytes) && bytes > 0 ? bytes
        : throw Invalid(name, $"a size such as {examples}");

    /// <summary>Refuses what this version has only one value for.</summary>
    /// <exception cref="ModelPortException">MP1020: another was asked for.</exception>
    public void Require(string name, string only, string source)
    {
        if (this[name] is { } value && !value.Equals(only, StringComparison.OrdinalIgnoreCase))
        {
            throw Invalid(name, $"'{only}', the only one for {source} in this version");
        }
    }

    /// <summary>The error of a value that is not what it may be.</summary>
    public ModelPortException Invalid(string name, string expected) => new(Diagnose.InvalidOption(file, prefix + name, this[name] ?? "", expected));
}
