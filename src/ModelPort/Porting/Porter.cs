using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Safetensors;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>What a port made.</summary>
/// <param name="Source">The content hashes of the source.</param>
/// <param name="Warnings">What was lost on the way, for instance F16 overflow.</param>
public sealed record PortResult(SourceHash Source, IReadOnlyList<Diagnostic> Warnings);

/// <summary>Carries out a plan in one pass over the source: every slice is read once, and written to every output in its final type.</summary>
public static class Porter
{
    // Slices of 65,536 values: source, widened and target bytes stay in a core's own cache, and a read or write call still costs nothing beside them.
    private const int LargestSlice = 1 << 16;

    /// <summary>Writes the outputs of a plan under their temporary names; the caller commits them.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="outputs">Which outputs go into which files.</param>
    /// <param name="request">Memory budget and threads.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="importance">What weighs columns where blocks are quantised; null for nothing.</param>
    /// <param name="known">The source's hashes, when they were computed since the checkpoint was opened: it is not hashed again then.</param>
    /// <exception cref="ModelPortException">MP1017: NaN or infinity; MP1023: the source changed; MP2001, MP2002: writing failed; MP2005: the budget is too small.</exception>
    public static PortResult Run(
        PortPlan plan,
        IReadOnlyList<(OutputPlan Plan, OutputFile File)> outputs,
        PortRequest request,
        IPortObserver observer,
        CancellationToken cancellation,
        Importance? importance = null,
        SourceHash? known = null)
    {
        var elements = SliceElements(plan, request);
        Together([.. outputs.Select(o => (Action)(() => o.File.Recover(ResumeKey.OfOutput(plan, o.Plan, importance), cancellation)))]);
        cancellation.ThrowIfCancellationRequested();
        foreach (var (output, file) in outputs.Where(o => o.File.Recovered < o.Plan.FileLength))
        {
            WriteHeader(output, file);
        }

        using var hashing = new SourceHashing(plan.Checkpoint, known);
        var overflow = RunSlices(plan, outputs, importance, elements, request.Threads, hashing, observer, cancellation);
        Together([.. hashing.Rest(cancellation), .. outputs.Select(o => (Action)(() => o.File.Settle(o.Plan.FileLength, cancellation)))]);
        cancellation.ThrowIfCancellationRequested();
        var hash = hashing.Complete(cancellation);
        plan.Checkpoint.RequireUnchanged();
        return new PortResult(hash, [.. overflow.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => Diagnose.HalfOverflow(plan.Checkpoint.Tensors.Find(o.Key)?.File.Path ?? "", o.Key, o.Value))]);
    }

    private static Dictionary<string, long> RunSlices(
        PortPlan plan,
        IReadOnlyList<(OutputPlan Plan, OutputFile File)> outputs,
        Importance? importance,
        int elements,
        int threads,
        SourceHashing hashing,
        IPortObserver observer,
        CancellationToken cancellation)
    {
        var total = plan.Tensors.SelectMany(t => t.Parts).Sum(p => p.ElementCount * SafetensorsTypes.Bits(p.Tensor.Type) / 8);
        var largest = Math.Max(elements, plan.Tensors.Max(Slice.SmallestSlice));
        // Slices are handed out one by one in file order: writes stay nearly sequential, and no thread waits for a long tensor.
        long done = 0;
        using var slices = new SliceQueue(plan.Tensors.SelectMany((t, i) => Slice.Cut(t, i, elements)).SkipWhile(IsThere));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

        // A killed run wrote it; its source is hashed all the same.
        bool IsThere(Slice slice)
        {
            var isThere = outputs.All(o => End(o.Plan, slice) <= o.File.Recovered);
            done += isThere && !plan.Tensors[slice.Tensor].Parts.IsEmpty ? slice.ElementCount * SliceWorker.SourceBytes(plan.Tensors[slice.Tensor]) : 0;
            return isThere;
        }

        void Work(SliceWorker worker)
        {
            try
            {
                while (slices.Take() is { } ticket)
                {
                    stop.Token.ThrowIfCancellationRequested();
                    var read = worker.Run(ticket.Slice);
                    if (slices.Done(ticket) is { } last)
                    {
                        Settle(outputs, last, stop.Token);
                    }

                    observer.Progress(new PortProgress("port", Interlocked.Add(ref done, read), total, plan.Tensors[ticket.Slice.Tensor].Name));
                }
            }
            catch
            {
                stop.Cancel();
                throw;
            }
        }

        var workers = Enumerable.Range(0, threads).Select(_ => new SliceWorker(plan, outputs, importance, hashing, largest)).ToArray();
        var recovered = outputs.Min(o => o.File.Recovered);
        if (recovered > 0)
        {
            observer.Detail($"Going on with a port that was broken off: {Sizes.Bytes(recovered)} of {Path.GetFileName(outputs.MinBy(o => o.File.Recovered).File.Path)} are there");
        }

        // What is there already is not read by the workers, and is hashed beside them.
        Together([.. workers.Select(w => (Action)(() => Work(w))), .. recovered > 0 ? hashing.Rest(cancellation) : []]);
        cancellation.ThrowIfCancellationRequested();
        var overflow = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (tensor, count) in workers.SelectMany(w => w.Overflow))
        {
            overflow[tensor] = overflow.GetValueOrDefault(tensor) + count;
        }

        return overflow;
    }

    // Each on a thread of its own, until all have ended: nobody must still write when the caller cleans up.
    private static void Together(Action[] actions)
    {
        var tasks = actions.Select(a => Task.Factory.StartNew(a, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        Task.WhenAll(tasks).ContinueWith(_ => { }, TaskScheduler.Default).Wait(CancellationToken.None);
        // A fault says what is wrong; that other threads then stopped is its echo.
        if (tasks.Select(t => t.Exception?.InnerException).FirstOrDefault(e => e is not (null or OperationCanceledException)) is { } fault)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        }
    }

    // All slices up to this one are written, and padding was written with the header: nothing before its end will change.
    private static void Settle(IReadOnlyList<(OutputPlan Plan, OutputFile File)> outputs, Slice last, CancellationToken cancellation)
    {
        foreach (var (output, file) in outputs)
        {
            file.Settle(End(output, last), cancellation);
        }
    }

    private static long End(OutputPlan output, Slice slice)
    {
        var tensor = output.Layout.Tensors[slice.Tensor];
        return output.Layout.DataOffset + tensor.Offset + GgmlTypes.RowBytes(tensor.Type, slice.FirstElement + slice.ElementCount);
    }

    private static int SliceElements(PortPlan plan, PortRequest request)
    {
        var perElement = SliceWorker.BytesPerElement(plan);
        var affordable = request.MemoryBudget / request.Threads / perElement;
        var neediest = plan.Tensors.MaxBy(Slice.SmallestSlice)!;
        var needed = Slice.SmallestSlice(neediest);
        return needed <= affordable
            ? (int)Math.Min(LargestSlice, affordable)
            : throw new ModelPortException(Diagnose.BudgetTooSmall(plan.Checkpoint.Folder, request.MemoryBudget, needed * perElement * request.Threads, neediest.SourceName));
    }

    private static void WriteHeader(OutputPlan output, OutputFile file)
    {
        using var header = new MemoryStream();
        output.Layout.WriteHeader(header);
        file.Write(header.GetBuffer().AsSpan(0, (int)header.Length), 0);
        Span<byte> zeros = stackalloc byte[output.Layout.Alignment];
        zeros.Clear();
        foreach (var tensor in output.Layout.Tensors)
        {
            var end = tensor.Offset + tensor.ByteLength;
            var padding = (int)(-end & (output.Layout.Alignment - 1));
            file.Write(zeros[..padding], output.Layout.DataOffset + end);
        }
    }
}
