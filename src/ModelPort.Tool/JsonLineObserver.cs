using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Packages;

namespace ModelPort.Tool;

/// <summary>Tells the build what happens: one JSON object a line, written whole.</summary>
internal sealed class JsonLineObserver(TextWriter output) : IPortObserver
{
    private static readonly TimeSpan ProgressPause = TimeSpan.FromMilliseconds(500);
    private readonly Lock _lock = new();
    private long _lastProgress;

    /// <inheritdoc/>
    public void Warn(Diagnostic warning) => Diagnostic(warning);

    /// <inheritdoc/>
    public void Progress(PortProgress progress)
    {
        // A line for every slice would cost more than the slice.
        var last = Interlocked.Read(ref _lastProgress);
        if (System.Diagnostics.Stopwatch.GetElapsedTime(last) < ProgressPause
            || Interlocked.CompareExchange(ref _lastProgress, System.Diagnostics.Stopwatch.GetTimestamp(), last) != last)
        {
            return;
        }

        Write(new { type = "progress", stage = progress.Stage, done = progress.Done, total = progress.Total, text = progress.Text });
    }

    /// <inheritdoc/>
    public void Detail(string text) => Message("low", text);

    /// <summary>A line of text.</summary>
    public void Message(string importance, string text) => Write(new { type = "message", importance, text });

    /// <summary>An error or a warning.</summary>
    public void Diagnostic(Diagnostic diagnostic) => Write(new
    {
        type = "diagnostic",
        severity = diagnostic.Severity == DiagnosticSeverity.Error ? "error" : "warning",
        code = diagnostic.Code,
        file = diagnostic.File,
        message = diagnostic.Message,
        helpLink = diagnostic.HelpLink,
    });

    /// <summary>The end of a run that did what was asked.</summary>
    public void Result(PortOutcome outcome) => Write(new
    {
        type = "result",
        outputs = outcome.OutputPaths,
        manifest = outcome.ManifestPath,
        @class = outcome.ClassPath ?? "",
        inputs = outcome.InputPaths,
    });

    /// <summary>The content of a package and its parts; paths, their places, their packages and hashes are lists, one beside the other.</summary>
    public void Result(PackageContent content) => Write(new
    {
        type = "result",
        files = content.Entries.Select(e => e.Path),
        packagePaths = content.Entries.Select(e => e.PackagePath),
        packages = content.Entries.Select(e => e.Package),
        hashes = content.Entries.Select(e => e.Sha256),
        limit = content.Limit.Bytes.ToString(System.Globalization.CultureInfo.InvariantCulture),
        isSplit = content.Limit.IsSplit ? "true" : "false",
        readme = content.Readme,
        tags = string.Join(' ', content.Tags),
        license = content.LicenseExpression ?? "",
        precisions = content.Precisions,
    });

    private void Write<T>(T line)
    {
        var text = JsonSerializer.Serialize(line);
        lock (_lock)
        {
            output.WriteLine(text);
            output.Flush();
        }
    }
}
