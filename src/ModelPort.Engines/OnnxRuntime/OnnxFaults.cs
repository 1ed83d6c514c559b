using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>Turns what ONNX Runtime throws into <see cref="EngineException"/>.</summary>
internal static partial class OnnxFaults
{
    private static readonly string[] MemoryWords = ["failed to allocate", "bad allocation", "bad_alloc", "out of memory"];

    /// <summary>The exception of a failed load or run of a model.</summary>
    public static EngineException Of(OnnxRuntimeException e, string path, EngineFault otherwise, IReadOnlyList<string> log)
    {
        var parts = Message().Match(e.Message);
        var (code, text) = parts.Success ? (parts.Groups["code"].Value, parts.Groups["text"].Value) : ("", e.Message);
        if (Array.Exists(MemoryWords, words => text.Contains(words, StringComparison.OrdinalIgnoreCase)))
        {
            return New(EngineFault.OutOfMemory, path, text, "enough memory", "Free memory, or use a smaller batch.", log, e);
        }

        if (Carried().IsMatch(text))
        {
            return New(
                EngineFault.ModelRefused, path, $"an input or output of a type that {OnnxSession.EngineName} does not hand over to .NET", "numbers of 8 to 64 bits, booleans or strings",
                "Put a Cast at the input or output.", log, e);
        }

        return Operator().Match(text) is { Success: true } unsupported
            ? New(
                EngineFault.OperatorUnsupported,
                path,
                $"no implementation of {unsupported.Groups["operator"].Value} for the types of node '{unsupported.Groups["node"].Value}'",
                $"operators that {OnnxSession.EngineName} {OnnxSession.Version} runs on the CPU",
                null,
                log,
                e)
            : New(otherwise, path, code.Length > 0 ? $"{text} ({code})" : text, otherwise == EngineFault.RunFailed ? "a run without an error" : "a model that loads", null, log, e);
    }

    /// <summary>The exception of a native library that is not there, or not for this platform.</summary>
    public static EngineException Library(Exception e)
    {
        var platform = RuntimeInformation.RuntimeIdentifier;
        return Directory.Exists(System.IO.Path.Combine(AppContext.BaseDirectory, "runtimes", platform, "native"))
            ? New(EngineFault.LibraryWrong, AppContext.BaseDirectory, $"its native library cannot be loaded: {Innermost(e)}", "the library of this version", null, [], e)
            : New(EngineFault.PlatformUnsupported, null, $"this process runs on {platform}", "linux-x64, linux-arm64, win-x64, win-arm64 or osx-arm64", null, [], e);
    }

    public static EngineException New(
        EngineFault fault, string? path, string found, string expected, string? remedy, IReadOnlyList<string>? log = null, Exception? inner = null) =>
        new(fault, path, found, expected, remedy, log, inner) { Engine = OnnxSession.EngineName };

    private static string Innermost(Exception e) => e.GetBaseException().Message.TrimEnd('.');

    [GeneratedRegex(@"^\[ErrorCode:(?<code>\w+)\]\s*(?<text>.*)\z", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Message();

    // Types of fewer bits, and 8-bit floats, exist inside models only.
    [GeneratedRegex("Unregistered TensorElementType", RegexOptions.CultureInvariant)]
    private static partial Regex Carried();

    [GeneratedRegex(@"Could not find an implementation for (?<operator>\S+) node with name '(?<node>[^']*)'", RegexOptions.CultureInvariant)]
    private static partial Regex Operator();
}
