namespace ModelPort.Diagnostics;

/// <summary>How far a long step has come.</summary>
/// <param name="Stage">The step: <c>hash</c>, <c>port</c>, <c>copy</c>, <c>download</c>, <c>verify</c>, <c>errors</c>, <c>sensitivity</c>, <c>parity</c>, <c>tasks</c> or <c>serving</c>.</param>
/// <param name="Done">Units done (bytes for hash, port, copy, download and verify, values for errors, tokens for sensitivity and parity, questions for tasks, turns for serving).</param>
/// <param name="Total">Units in all.</param>
/// <param name="Text">What is being worked on, for instance a tensor's name.</param>
public readonly record struct PortProgress(string Stage, long Done, long Total, string Text);

/// <summary>Where a run tells what happens: progress, and warnings as they are found. Implementations must be safe to call from several threads.</summary>
public interface IPortObserver
{
    /// <summary>A warning that does not stop the run.</summary>
    void Warn(Diagnostic warning);

    /// <summary>A long step came further.</summary>
    void Progress(PortProgress progress);

    /// <summary>Something worth a line at detailed verbosity.</summary>
    void Detail(string text);
}

/// <summary>An observer that keeps warnings and drops the rest.</summary>
public sealed class QuietObserver : IPortObserver
{
    private readonly List<Diagnostic> _warnings = [];

    /// <summary>The warnings seen so far.</summary>
    public IReadOnlyList<Diagnostic> Warnings
    {
        get
        {
            lock (_warnings)
            {
                return [.. _warnings];
            }
        }
    }

    /// <inheritdoc/>
    public void Warn(Diagnostic warning)
    {
        lock (_warnings)
        {
            _warnings.Add(warning);
        }
    }

    /// <inheritdoc/>
    public void Progress(PortProgress progress)
    {
    }

    /// <inheritdoc/>
    public void Detail(string text)
    {
    }
}
