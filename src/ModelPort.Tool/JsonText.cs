using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelPort.Tool;

/// <summary>The JSON that commands print with --format json.</summary>
internal static class JsonText
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter() },
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Serialises for people and scripts.</summary>
    public static string Of<T>(T value) => JsonSerializer.Serialize(value, Indented);
}
