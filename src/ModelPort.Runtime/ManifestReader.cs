using System.Text.Json;

namespace ModelPort.Runtime;

/// <summary>Reads the members of a manifest that an application has use for. Members it does not know are left alone, so that a newer manifest can be read.</summary>
internal static class ManifestReader
{
    // Far above any manifest; a file that is not one is not read whole.
    private const long MostBytes = 256L << 20;

    /// <summary>Reads a manifest's file.</summary>
    public static PortedModel Read(string path) => Read(path, () => File.OpenRead(path));

    /// <summary>Reads a manifest that lies elsewhere than its files, as in a package.</summary>
    /// <param name="path">What it is called; paths of files lie beside it.</param>
    /// <param name="open">Opens its content.</param>
    public static PortedModel Read(string path, Func<Stream> open)
    {
        try
        {
            using Stream stream = open();
            if (stream.CanSeek && stream.Length > MostBytes)
            {
                throw PortedModelException.Manifest(path, $"it has {stream.Length} bytes");
            }

            using JsonDocument document = JsonDocument.Parse(stream);
            return Read(path, document.RootElement);
        }
        catch (Exception e) when (e is IOException and not PortedModelException or InvalidDataException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw PortedModelException.Manifest(path, e.Message.TrimEnd('.'), e);
        }
    }

    private static PortedModel Read(string path, JsonElement manifest)
    {
        JsonElement source = manifest.GetProperty("source");
        JsonElement engine = manifest.GetProperty("engine");
        JsonElement? model = Object(manifest, "model");
        return new PortedModel(path)
        {
            Name = Text(manifest, "name"),
            Architecture = Text(source, "architecture"),
            Parameters = source.GetProperty("parameters").GetInt64(),
            SourceSha256 = Text(source, "sha256"),
            License = Optional(source, "license"),
            Engine = $"{Text(engine, "name")} {Text(engine, "version")}",
            Evaluation = Object(manifest, "evaluation") is { } evaluation
                ? new PortedEvaluation(Text(evaluation, "sha256"), evaluation.TryGetProperty("windowLength", out JsonElement window) ? window.GetInt32() : 0, evaluation.GetProperty("positions").GetInt64())
                : null,
            ContextLength = model is { } parts && parts.TryGetProperty("contextLength", out JsonElement context) ? context.GetInt64() : null,
            TokenizerSha256 = model is { } split ? Optional(split, "tokenizerSha256") : null,
            ChatTemplateSha256 = model is { } template ? Optional(template, "chatTemplateSha256") : null,
            Inputs = model is { } takes ? Pins(takes, "inputs") : null,
            Outputs = model is { } gives ? Pins(gives, "outputs") : null,
            Files = [.. manifest.GetProperty("outputs").EnumerateArray().Select(output => ReadFile(path, output))],
        };
    }

    private static string? Pins(JsonElement model, string name) =>
        model.TryGetProperty(name, out JsonElement pins) && pins.ValueKind == JsonValueKind.Array ? string.Join("; ", pins.EnumerateArray().Select(p => $"{Text(p, "name")}: {Text(p, "type")}")) : null;

    private static PortedFile ReadFile(string manifest, JsonElement output)
    {
        PortedPart[] parts = [.. output.GetProperty("files").EnumerateArray().Select(part => ReadPart(manifest, part))];
        if (parts.Length == 0)
        {
            throw PortedModelException.Manifest(manifest, "an output of it has no files");
        }

        return new PortedFile(manifest)
        {
            Parts = parts,
            Precision = Text(output, "precision"),
            HardwareTarget = Object(output, "graph") is { } graph ? Optional(graph, "hardwareTarget") : null,
            Verdict = Text(output, "verdict"),
            Metrics = [.. output.GetProperty("metrics").EnumerateArray().Select(ReadMetric)],
            Tasks = List(output, "tasks").DistinctBy(t => Text(t, "file")).ToDictionary(t => Text(t, "file"), t => Text(t, "sha256"), StringComparer.Ordinal),
            ServingRatios = Object(output, "serving") is { } serving ? [.. List(serving, "ratios").Select(ReadRatio)] : [],
        };
    }

    private static PortedPart ReadPart(string manifest, JsonElement part)
    {
        string name = Text(part, "name");
        return name.Length == 0 || name != Path.GetFileName(name) || name is "." or ".."
            ? throw PortedModelException.Manifest(manifest, $"it names the file '{name}', which does not lie beside it")
            : new PortedPart(Path.Combine(Path.GetDirectoryName(manifest)!, name), part.GetProperty("bytes").GetInt64(), Text(part, "sha256"));
    }

    private static PortedMetric ReadMetric(JsonElement metric) => new(
        Text(metric, "name"),
        Text(metric, "of"),
        Optional(metric, "against"),
        Number(metric.GetProperty("value")),
        metric.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null ? Number(error) : null,
        Optional(metric, "unit"),
        Optional(metric, "on"));

    private static PortedRatio ReadRatio(JsonElement ratio) =>
        new(Text(ratio, "metric"), Number(ratio.GetProperty("median")), Number(ratio.GetProperty("low")), Number(ratio.GetProperty("high")), Optional(ratio, "on"));

    // What is not finite is written as a name.
    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? value.GetString() switch { "NaN" => double.NaN, "Infinity" => double.PositiveInfinity, "-Infinity" => double.NegativeInfinity, var other => throw new FormatException($"'{other}' is no number") }
        : value.GetDouble();

    private static string Text(JsonElement parent, string name) => parent.GetProperty(name).GetString() ?? throw new FormatException($"'{name}' is null");

    private static JsonElement? Object(JsonElement parent, string name) => parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static JsonElement.ArrayEnumerator List(JsonElement parent, string name) => parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : default;

    private static string? Optional(JsonElement parent, string name) => parent.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
}
