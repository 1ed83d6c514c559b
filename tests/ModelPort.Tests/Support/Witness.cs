using System.Collections.Concurrent;
using ModelPort.Diagnostics;

namespace ModelPort.Tests.Support;

/// <summary>An observer that remembers all it is told.</summary>
/// <param name="at">Told every progress, in the thread that makes it.</param>
internal sealed class Witness(Action<PortProgress>? at = null) : IPortObserver
{
    private readonly ConcurrentQueue<Diagnostic> _warnings = new();
    private readonly ConcurrentQueue<PortProgress> _progress = new();
    private readonly ConcurrentQueue<string> _details = new();

    public IReadOnlyCollection<Diagnostic> Warnings => _warnings;

    public IReadOnlyCollection<PortProgress> Steps => _progress;

    public IReadOnlyCollection<string> Details => _details;

    /// <summary>The stages that came further.</summary>
    public IEnumerable<string> Stages => _progress.Select(p => p.Stage).Distinct().Order(StringComparer.Ordinal);

    /// <summary>How far a stage came.</summary>
    public long Progressed(string stage) => _progress.Where(p => p.Stage == stage).Max(p => p.Done);

    /// <summary>How often a stage came to its end.</summary>
    public int Completed(string stage) => _progress.Count(p => p.Stage == stage && p.Done == p.Total);

    public void Warn(Diagnostic warning) => _warnings.Enqueue(warning);

    public void Progress(PortProgress progress)
    {
        _progress.Enqueue(progress);
        at?.Invoke(progress);
    }

    public void Detail(string text) => _details.Enqueue(text);
}
