namespace ModelPort.Engines;

/// <summary>A failure of a native engine: where, what was found, what was expected, what to do.</summary>
public sealed class EngineException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="fault">The kind of failure.</param>
    /// <param name="path">The file or folder concerned, if there is one.</param>
    /// <param name="found">What was found.</param>
    /// <param name="expected">What was expected instead.</param>
    /// <param name="remedy">What to do about it, if anything is known.</param>
    /// <param name="nativeLog">Warnings and errors that the engine logged during the failed call.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public EngineException(
        EngineFault fault,
        string? path,
        string found,
        string expected,
        string? remedy,
        IReadOnlyList<string>? nativeLog = null,
        Exception? innerException = null)
        : base(Describe(path, found, expected, remedy, nativeLog ?? []), innerException)
    {
        Fault = fault;
        Path = path;
        Found = found;
        Expected = expected;
        Remedy = remedy;
        NativeLog = nativeLog ?? [];
    }

    /// <summary>The engine, as people know it.</summary>
    public string Engine { get; init; } = "llama.cpp";

    /// <summary>The kind of failure.</summary>
    public EngineFault Fault { get; }

    /// <summary>The file or folder concerned, or null.</summary>
    public string? Path { get; }

    /// <summary>What was found.</summary>
    public string Found { get; }

    /// <summary>What was expected instead.</summary>
    public string Expected { get; }

    /// <summary>What to do about it, or null.</summary>
    public string? Remedy { get; }

    /// <summary>Warnings and errors that the engine logged during the failed call, oldest first.</summary>
    public IReadOnlyList<string> NativeLog { get; }

    private static string Describe(string? path, string found, string expected, string? remedy, IReadOnlyList<string> nativeLog)
    {
        var text = $"{(path is null ? "" : path + ": ")}{found}; expected {expected}.";
        if (remedy is not null)
        {
            text += " " + remedy;
        }

        return nativeLog.Count == 0 ? text : $"{text} The engine said: {string.Join(" | ", nativeLog)}";
    }
}
