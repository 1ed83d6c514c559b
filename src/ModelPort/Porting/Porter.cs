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
    /// <param name="outputs">The files of the outputs.</param>
    /// <param name="request">Memory budget and threads.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="importance">What weighs columns where blocks are quantised; null for nothing.</param>
    /// <param name="known">The source's hashes, when they were computed since the checkpoint was opened: it is not hashed again then.</param>
    /// <exception cref="ModelPortException">MP1017: NaN or infinity; MP1023: the source changed; MP2001, MP2002: writing failed; MP2005: the budget is too small.</exception>
    public static PortResult Run(
        PortPlan plan,
        IReadOnlyList<OutputFiles> outputs,
        PortRequest request,
        IPortObserver observer,
        CancellationToken cancellation,
        Importance? importance = null,
        SourceHash? known = null)
    {
        var elements = SliceElements(plan, request);
        Together([.. outputs.SelectMany(o => o.Recovery(plan, importance, cancellation))]);
        cancellation.ThrowIfCancellationRequested();
        foreach (var output in outputs)
        {
            output.WriteHeaders();
        }

        using var hashing = new SourceHashing(plan.Checkpoint, known);
        var overflow = RunSlices(plan, outputs, importance, elements, request.Threads, hashing, observer, cancellation);
        Together([.. hashing.Rest(cancellation), .. outputs.SelectMany(o => o.Rest(cancellation))]);
        cancellation.ThrowIfCancellationRequested();
        var hash = hashing.Complete(cancellation);
        plan.Checkpoint.RequireUnchanged();
        return new PortResult(hash, [.. overflow.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => Diagnose.HalfOverflow(plan.Checkpoint.Tensors.Find(o.Key)?.File.Path ?? "", o.Key, o.Value))]);
    }

    private static Dictionary<string, long> RunSlices(
        PortPlan plan,
        IReadOnlyList<OutputFiles> outputs,
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
            var isThere = outputs.All(o => o.Has(slice.Tensor, End(o.Plan, slice)));
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
        var recovered = outputs.Min(o => o.Recovered);
        if (recovered > 0)
        {
            observer.Detail($"Going on with a port that was broken off: {Sizes.Bytes(recovered)} of {outputs.MinBy(o => o.Recovered)!.Plan.FileName} are there");
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
    private static void Settle(IReadOnlyList<OutputFiles> outputs, Slice last, CancellationToken cancellation)
    {
        foreach (var output in outputs)
        {
            output.Settle(last.Tensor, End(output.Plan, last), cancellation);
        }
    }

    // In its tensor.
    private static long End(OutputPlan output, Slice slice) => GgmlTypes.RowBytes(output.Layout.Tensors[slice.Tensor].Type, slice.FirstElement + slice.ElementCount);

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
}
