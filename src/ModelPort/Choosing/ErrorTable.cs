using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelPort.Choosing;

/// <summary>What every tensor of a model loses in each type it may get, and what that does to the model: measured once, and used for every size.</summary>
/// <param name="Key">The key of what it was measured from.</param>
/// <param name="Text">What sensitivities were measured on.</param>
/// <param name="Tensors">The tensors whose types can be chosen, in the order of the file.</param>
public sealed record ErrorTable(string Key, SensitivityText Text, IReadOnlyList<TensorErrors> Tensors)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter() },
        NewLine = "\n",
    };

    /// <summary>The JSON text, with LF line ends.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Format) + "\n";

    /// <summary>Reads a table; null when there is none of that key.</summary>
    public static ErrorTable? TryRead(string path, string key)
    {
        try
        {
            var table = JsonSerializer.Deserialize<ErrorTable>(File.ReadAllBytes(path), Format);
            return table is { Text: not null, Tensors: not null } && table.Key == key ? table : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>What one tensor loses.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="Sensitivity">Divergence of the model, in nats, for each unit of the tensor's relative squared error.</param>
/// <param name="Rows">Rows it has.</param>
/// <param name="MeasuredRows">Rows that were quantised to measure; the others are spared in very large tensors.</param>
/// <param name="Errors">The relative squared error of each type.</param>
public sealed record TensorErrors(string Name, double Sensitivity, long Rows, long MeasuredRows, IReadOnlyList<TypeError> Errors);

/// <summary>What a type loses.</summary>
/// <param name="Type">The type.</param>
/// <param name="Error">
/// The sum of w (x - y)^2 over the sum of x^2, x being the tensor's values, y what the type makes of them and w the importance of their columns, scaled to
/// a mean of 1; without an importance matrix 1 throughout.
/// </param>
public sealed record TypeError(Formats.Gguf.GgmlType Type, double Error);

/// <summary>The text that sensitivities were measured on.</summary>
/// <param name="Name">The file's name, or "default" for the end of the text that ships with ModelPort.</param>
/// <param name="Sha256">SHA-256 of the text.</param>
/// <param name="WindowLength">Tokens in a window.</param>
/// <param name="Windows">How many windows were evaluated for each group of tensors.</param>
public sealed record SensitivityText(string Name, string Sha256, int WindowLength, int Windows);
