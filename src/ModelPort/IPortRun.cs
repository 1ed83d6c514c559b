using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Reports;

namespace ModelPort;

/// <summary>What came of a run.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Report">The report; null when nothing is measured.</param>
/// <param name="Ported">Whether files were written; false when they were there already.</param>
/// <param name="Measured">Whether parity was measured in this run.</param>
internal sealed record RunResult(Manifest Manifest, ParityReport? Report, bool Ported, bool Measured);

/// <summary>One run of the pipeline over a source of some format, inside the output folder's lock.</summary>
internal interface IPortRun : IDisposable
{
    /// <summary>Every file the result depends on.</summary>
    IReadOnlyList<string> Inputs { get; }

    /// <summary>What would have to be done again of what an earlier run recorded, and why; nothing when all is as it was left.</summary>
    /// <param name="earlier">What the earlier run recorded in the folder.</param>
    IReadOnlyList<string> Why(Manifest earlier);

    /// <summary>Why the files that an earlier run left would be ported again; nothing when they would not.</summary>
    /// <param name="earlier">What the earlier run recorded in the folder.</param>
    IReadOnlyList<string> WhyPortedAgain(Manifest earlier);

    /// <summary>Ports and measures what is not there yet.</summary>
    /// <param name="earlier">What an earlier run recorded in the folder; null when there is nothing.</param>
    RunResult Everything(Manifest? earlier);

    /// <summary>An error for each budget that is missed, and for each way in which a port behaves otherwise than its source.</summary>
    IReadOnlyList<Diagnostic> Missed(Manifest manifest);
}
