using Microsoft.ML.OnnxRuntime;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>Keeps what ONNX Runtime says during a call, which it would print: errors and warnings, on the thread of the call.</summary>
internal static class OnnxLog
{
    private const int MostLines = 64;

    // Held as long as the process runs: native code calls it.
    public static readonly DOrtLoggingFunction Callback = OnLog;

    [ThreadStatic]
    private static List<string>? _lines;

    /// <summary>Begins to listen on this thread.</summary>
    public static void Begin() => _lines = [];

    /// <summary>The lines since <see cref="Begin"/>.</summary>
    public static IReadOnlyList<string> End()
    {
        IReadOnlyList<string> lines = _lines ?? [];
        _lines = null;
        return lines;
    }

    private static void OnLog(nint parameter, OrtLoggingLevel severity, string category, string logId, string codeLocation, string message)
    {
        if (_lines is { Count: < MostLines } lines)
        {
            lines.Add(message.Trim());
        }
    }
}
