using System.Text.Json;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Reports;

/// <summary>
/// Everything that was measured, for people and programs that want more than the manifest: the manifest itself and, for each of its outputs, what was
/// found at single positions (parity.json). docs/schemas/parity.schema.json is its schema.
/// </summary>
/// <param name="SchemaVersion">The version of the schema.</param>
/// <param name="Manifest">The manifest that lies beside it.</param>
/// <param name="Positions">What was found at positions of the evaluation text; in the order of the manifest's outputs. Empty where samples were measured.</param>
public sealed record ParityReport(int SchemaVersion, Manifest Manifest, IReadOnlyList<PositionDigest> Positions)
{
    /// <summary>The file's name.</summary>
    public const string FileName = "parity.json";

    /// <summary>The name of the same for readers.</summary>
    public const string PageName = "parity.html";

    /// <summary>The version of the schema this version writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>The JSON text, with LF line ends.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Manifest.Format) + "\n";

    /// <summary>The JSON schema of what <see cref="ToJson"/> writes.</summary>
    public static string Schema() => PublishedSchema.Of<ParityReport>($"ModelPort parity report, version {CurrentSchema}");

    /// <summary>Reads the report that belongs to a manifest; null when there is none, or it is of another measurement.</summary>
    /// <param name="path">The file.</param>
    /// <param name="manifest">The manifest that was read beside it.</param>
    public static ParityReport? TryRead(string path, Manifest manifest)
    {
        try
        {
            var report = JsonSerializer.Deserialize<ParityReport>(File.ReadAllBytes(path), Manifest.Format);
            return report is { SchemaVersion: CurrentSchema } && (report.Manifest.Keys.Port, report.Manifest.Keys.Parity) == (manifest.Keys.Port, manifest.Keys.Parity) && report.Positions.Count == (manifest.Evaluation?.IsText == false ? 0 : manifest.Outputs.Count) ? report : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}
