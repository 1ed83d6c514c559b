using System.Text.Json.Serialization;

namespace ModelPort.Parity;

/// <summary>Whose number it is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Subject>))]
public enum Subject
{
    /// <summary>The ported file's.</summary>
    [JsonStringEnumMemberName("port")]
    Port,

    /// <summary>The source's, at its own precision and on the same engine.</summary>
    [JsonStringEnumMemberName("source")]
    Source,
}

/// <summary>What a number compares with.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Reference>))]
public enum Reference
{
    /// <summary>The source at its own precision, run by the same engine on the same tokens.</summary>
    [JsonStringEnumMemberName("source")]
    Source,

    /// <summary>The file given in <c>ReferenceOutputs</c>: what the framework of origin, or another engine, computed.</summary>
    [JsonStringEnumMemberName("referenceOutputs")]
    ReferenceOutputs,
}

/// <summary>A measured number, as the manifest records it.</summary>
/// <param name="Name">The name of its <see cref="Metric"/>.</param>
/// <param name="Of">Whose it is.</param>
/// <param name="Against">What it compares with; null for a number that stands by itself.</param>
/// <param name="Value">The number.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="Unit">Its unit; null for a plain number.</param>
/// <param name="On">The task, the output or the batch size ("batch 8") that it was measured on; null for all others.</param>
public sealed record Figure(string Name, Subject Of, Reference? Against, double Value, double? Error, string? Unit, string? On = null)
{
    /// <summary>A measured value of a metric.</summary>
    public static Figure For(Metric metric, Subject of, Reference? against, double value, double? error = null) =>
        new(metric.Name, of, against, value, error, metric.Unit.Length == 0 ? null : metric.Unit);
}

/// <summary>Looks figures up.</summary>
public static class Figures
{
    /// <summary>The figure of a metric, or null when it was not measured.</summary>
    /// <param name="figures">The figures of a port.</param>
    /// <param name="metric">The metric.</param>
    /// <param name="of">Whose number.</param>
    /// <param name="against">What it compares with; null for one that stands by itself.</param>
    /// <param name="on">The task; null for all that is not measured on tasks.</param>
    public static Figure? Find(this IEnumerable<Figure> figures, Metric metric, Subject of, Reference? against = null, string? on = null) =>
        figures.FirstOrDefault(f => f.Name == metric.Name && f.Of == of && f.Against == against && f.On == on);
}
