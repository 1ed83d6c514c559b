using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Decoding;

/// <summary>Reads the logits after a token; they are gone once it returns.</summary>
internal delegate void NextReader(ReadOnlySpan<float> logits);

/// <summary>
/// Tokens that wait for evaluation in one context. They are decoded together when a batch is full, by tokens or by rows of logits, so that the memory for
/// logits is bounded whatever is asked.
/// </summary>
internal sealed class TokenQueue : IDisposable
{
    private const long MostLogitBytes = 64L << 20;

    private readonly LlamaContext _context;
    private readonly LlamaBatch _batch;
    private readonly int _mostRows;
    private readonly CancellationToken _cancellation;
    private readonly List<(int Index, NextReader Read)> _rows = [];

    /// <summary>An empty queue.</summary>
    /// <param name="context">Where the tokens are evaluated.</param>
    /// <param name="vocabularySize">Logits in a row.</param>
    /// <param name="cancellation">Stops an evaluation.</param>
    public TokenQueue(LlamaContext context, int vocabularySize, CancellationToken cancellation)
    {
        _context = context;
        _batch = new LlamaBatch(context.BatchSize);
        _mostRows = MostRows(vocabularySize);
        _cancellation = cancellation;
    }

    /// <summary>Rows of logits that are kept at once.</summary>
    public static int MostRows(int vocabularySize) => (int)Math.Max(1, MostLogitBytes / (sizeof(float) * (long)vocabularySize));

    /// <summary>Adds a token.</summary>
    /// <param name="token">Its id.</param>
    /// <param name="position">Its position in the sequence.</param>
    /// <param name="sequence">The sequence.</param>
    /// <param name="read">Reads the logits after it, at the latest when the queue is flushed; null when nobody wants them.</param>
    public void Add(int token, int position, int sequence, NextReader? read = null) =>
        Wait(_batch.Add(token, position, sequence, read is not null), read);

    /// <summary>Adds a token that several neighbouring sequences share.</summary>
    public void AddShared(int token, int position, int firstSequence, int sequences, NextReader? read = null) =>
        Wait(_batch.AddShared(token, position, firstSequence, sequences, read is not null), read);

    /// <summary>Evaluates what waits.</summary>
    public void Flush()
    {
        if (_batch.Count == 0)
        {
            return;
        }

        _context.Decode(_batch, _cancellation);
        foreach (var (index, read) in _rows)
        {
            read(_context.Logits(index));
        }

        _batch.Clear();
        _rows.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    private void Wait(int index, NextReader? read)
    {
        if (read is not null)
        {
            _rows.Add((index, read));
        }

        if (_batch.Count == _batch.Capacity || _rows.Count == _mostRows)
        {
            Flush();
        }
    }
}
