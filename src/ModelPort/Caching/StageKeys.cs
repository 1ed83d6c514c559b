using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;

namespace ModelPort.Caching;

/// <summary>What each stage's result depends on, as SHA-256: equal keys mean that the work has been done.</summary>
public static class StageKeys
{
    /// <summary>The version of ModelPort, part of every key.</summary>
    public static string ToolVersion { get; } = typeof(StageKeys).Assembly.GetName().Version!.ToString(3);

    /// <summary>The key of the ported files: source content, name, precisions and the options that change bytes.</summary>
    /// <param name="source">The source.</param>
    /// <param name="request">The options.</param>
    /// <param name="precisions">The precisions.</param>
    /// <param name="calibrationKey">The key of the matrix that weighs columns; empty for none.</param>
    /// <param name="errorsKey">The key of the table that types are chosen from; empty for none.</param>
    public static string OfPort(SourceHash source, PortRequest request, IReadOnlyList<Precision> precisions, string calibrationKey, string errorsKey) =>
        Hash(ToolVersion, source.Value, Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Source))), request.Name, string.Join(';', precisions), request.PreTokenizer ?? "", request.Choice.Key, calibrationKey, errorsKey, errorsKey.Length > 0 ? request.Target!.ToString() : "");

    /// <summary>The key of a table of errors: source content, importance, the text that sensitivities are measured on, the engine.</summary>
    public static string OfErrors(SourceHash source, string calibrationKey, string textSha256, EngineRecord engine) =>
        Hash(ToolVersion, source.Value, calibrationKey, textSha256, engine.Version, engine.Commit);

    /// <summary>The key of an importance matrix: source content, the text and how much of it, the engine.</summary>
    public static string OfCalibration(SourceHash source, CalibrationText text, PortRequest request, EngineRecord engine) =>
        Hash(ToolVersion, source.Value, text.Sha256, request.CalibrationTokens.ToString(CultureInfo.InvariantCulture), request.CalibrationWindow?.ToString(CultureInfo.InvariantCulture) ?? "", engine.Version, engine.Commit);

    /// <summary>The key of the measurement: the port, text and tasks and how much of them, reference outputs, the engine.</summary>
    public static string OfParity(string portKey, EvaluationData data, string? referenceSha256, PortRequest request, EngineRecord engine) =>
        Hash(
            portKey, data.Text.Sha256, string.Join(';', data.Tasks.Select(t => t.Name + " " + t.Sha256)), Text(request.EvaluationQuestions), Text(request.Continuations), Text(request.ContinuationTokens),
            Text(data.Tokens), request.EvaluationWindow is { } window ? Text(window) : "", referenceSha256 ?? "", engine.Version, engine.Commit);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Hash(params string[] parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', parts))));
}
