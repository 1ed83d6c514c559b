namespace ModelPort.Porting;

/// <summary>Hands out slices in the order of the files, one by one, and knows up to where all are done.</summary>
/// <param name="slices">The slices, in that order.</param>
internal sealed class SliceQueue(IEnumerable<Slice> slices) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly IEnumerator<Slice> _slices = slices.GetEnumerator();
    private readonly Queue<Ticket> _open = new();

    /// <summary>The next slice, or null when there is none.</summary>
    public Ticket? Take()
    {
        lock (_gate)
        {
            if (!_slices.MoveNext())
            {
                return null;
            }

            var ticket = new Ticket(_slices.Current);
            _open.Enqueue(ticket);
            return ticket;
        }
    }

    /// <summary>Gives a slice back that is done.</summary>
    /// <returns>The last slice up to which all are done, when this one made a difference.</returns>
    public Slice? Done(Ticket ticket)
    {
        lock (_gate)
        {
            ticket.IsDone = true;
            Slice? last = null;
            while (_open.TryPeek(out var first) && first.IsDone)
            {
                last = _open.Dequeue().Slice;
            }

            return last;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _slices.Dispose();

    /// <summary>A slice that a worker holds.</summary>
    public sealed class Ticket(Slice slice)
    {
        /// <summary>The slice.</summary>
        public Slice Slice => slice;

        internal bool IsDone { get; set; }
    }
}
