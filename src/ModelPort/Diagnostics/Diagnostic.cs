namespace ModelPort.Diagnostics;

/// <summary>How much a <see cref="Diagnostic"/> weighs.</summary>
public enum DiagnosticSeverity
{
    /// <summary>The port goes on; the user should know.</summary>
    Warning,

    /// <summary>The port stops and leaves no output.</summary>
    Error,
}

/// <summary>One coded finding: what was found, what was expected and what to do, at a file.</summary>
/// <param name="Code">The code, for instance <c>MP1002</c>; its section in docs/errors.md has the same name.</param>
/// <param name="Severity">Error or warning.</param>
/// <param name="File">The file or folder it is about, as an absolute path; empty when it is about an option.</param>
/// <param name="Message">The text, in full sentences.</param>
public sealed record Diagnostic(string Code, DiagnosticSeverity Severity, string File, string Message)
{
    /// <summary>Where the documentation of <see cref="Code"/> is: errors.md ships beside the tool.</summary>
    public string HelpLink => HelpLinkOf(Code);

    /// <inheritdoc/>
    public override string ToString() =>
        (File.Length == 0 ? "modelport" : File) + (Severity == DiagnosticSeverity.Error ? ": error " : ": warning ") + Code + ": " + Message;

    private static string HelpLinkOf(string code)
    {
        var page = Path.Combine(AppContext.BaseDirectory, "docs", "errors.md");
        return new Uri(page).AbsoluteUri + "#" + code.ToLowerInvariant();
    }
}

/// <summary>Thrown when a port cannot go on; carries the <see cref="Diagnostic"/> that says why.</summary>
/// <param name="diagnostic">What went wrong.</param>
/// <param name="inner">The cause, when another exception is behind it.</param>
public sealed class ModelPortException(Diagnostic diagnostic, Exception? inner = null) : Exception(diagnostic.Message, inner)
{
    /// <summary>What went wrong, at which file, and what to do.</summary>
    public Diagnostic Diagnostic { get; } = diagnostic;
}
