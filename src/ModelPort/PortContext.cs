using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Manifests;

namespace ModelPort;

/// <summary>What all stages of a run share whose source is a checkpoint.</summary>
/// <param name="Request">What the user asks for.</param>
/// <param name="Checkpoint">The source.</param>
/// <param name="Source">The source's content.</param>
/// <param name="Hashes">Hashes of files that are remembered.</param>
/// <param name="Engine">The engine.</param>
/// <param name="CpuBackend">The variant of its CPU back-end, on which the last digits of what it computes depend.</param>
/// <param name="Store">What was made before, by whatever build.</param>
/// <param name="Observer">Told warnings, progress and details.</param>
/// <param name="Cancellation">Stops the work.</param>
internal sealed record PortContext(
    PortRequest Request, Checkpoint Checkpoint, SourceIdentity Source, HashMemo Hashes, EngineRecord Engine, string CpuBackend, ContentStore Store, IPortObserver Observer, CancellationToken Cancellation)
    : RunContext(Request, Source, Hashes, Engine, CpuBackend, Store, Observer, Cancellation);
