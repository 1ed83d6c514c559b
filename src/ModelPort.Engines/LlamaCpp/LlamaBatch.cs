using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>Tokens to evaluate together. Owns native memory. Not safe to use from several threads at once.</summary>
public sealed unsafe class LlamaBatch : IDisposable
{
    // LLAMA_MAX_SEQ of llama.cpp.
    private const int MostSequences = 256;

    private readonly NativeMemoryHandle _memory;

    /// <summary>Creates an empty batch.</summary>
    /// <param name="capacity">The most tokens that it takes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is not positive.</exception>
    public LlamaBatch(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Capacity = capacity;

        // One block: the pointers to sequence ids, then tokens, positions, sequence counts, sequence ids, all sequence ids in order, and the wish for logits.
        _memory = new NativeMemoryHandle(((nuint)capacity * (nuint)(sizeof(int*) + (4 * sizeof(int)) + sizeof(sbyte))) + (MostSequences * sizeof(int)));
        var ids = AllSequences(Arrays(_memory.DangerousGetHandle()));
        for (var i = 0; i < MostSequences; i++)
        {
            ids[i] = i;
        }
    }

    /// <summary>The most tokens that the batch takes.</summary>
    public int Capacity { get; }

    /// <summary>The tokens in it.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a token.</summary>
    /// <param name="token">Its id.</param>
    /// <param name="position">Its position in the sequence, from 0.</param>
    /// <param name="sequence">The sequence it belongs to, from 0.</param>
    /// <param name="wantLogits">Whether the logits after it are wanted.</param>
    /// <returns>Its index in the batch, to ask for the logits with.</returns>
    /// <exception cref="InvalidOperationException">The batch is full.</exception>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public int Add(int token, int position, int sequence, bool wantLogits)
    {
        using var lease = new HandleLease(_memory);
        var arrays = Arrays(lease.Pointer);
        var index = Append(arrays, token, position, wantLogits);
        var sequences = arrays.SequenceCounts + Capacity;
        sequences[index] = sequence;
        arrays.Sequences[index] = sequences + index;
        arrays.SequenceCounts[index] = 1;
        return index;
    }

    /// <summary>Adds a token that several neighbouring sequences have in common; the context's sequences must be <see cref="LlamaContextOptions.Shared"/>.</summary>
    /// <param name="token">Its id.</param>
    /// <param name="position">Its position in each of the sequences, from 0.</param>
    /// <param name="firstSequence">The first sequence it belongs to, from 0.</param>
    /// <param name="sequences">How many sequences from there it belongs to.</param>
    /// <param name="wantLogits">Whether the logits after it are wanted.</param>
    /// <returns>Its index in the batch, to ask for the logits with.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are no such sequences.</exception>
    /// <exception cref="InvalidOperationException">The batch is full.</exception>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public int AddShared(int token, int position, int firstSequence, int sequences, bool wantLogits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstSequence);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequences);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sequences, MostSequences - firstSequence);
        using var lease = new HandleLease(_memory);
        var arrays = Arrays(lease.Pointer);
        var index = Append(arrays, token, position, wantLogits);
        arrays.Sequences[index] = AllSequences(arrays) + firstSequence;
        arrays.SequenceCounts[index] = sequences;
        return index;
    }

    /// <summary>Empties the batch.</summary>
    public void Clear() => Count = 0;

    /// <summary>Frees the native memory.</summary>
    public void Dispose() => _memory.Dispose();

    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    internal HandleLease Lease() => new(_memory);

    internal LlamaNativeBatch Arrays(nint memory)
    {
        var sequences = (int**)memory;
        var tokens = (int*)(sequences + Capacity);
        return new LlamaNativeBatch
        {
            Count = Count,
            Sequences = sequences,
            Tokens = tokens,
            Positions = tokens + Capacity,
            SequenceCounts = tokens + (2 * (nint)Capacity),
            Logits = (sbyte*)(tokens + (4 * (nint)Capacity) + MostSequences),
        };
    }

    private int* AllSequences(LlamaNativeBatch arrays) => arrays.Tokens + (4 * (nint)Capacity);

    private int Append(LlamaNativeBatch arrays, int token, int position, bool wantLogits)
    {
        if (Count == Capacity)
        {
            throw new InvalidOperationException($"The batch is full: it takes {Capacity} tokens.");
        }

        arrays.Tokens[Count] = token;
        arrays.Positions[Count] = position;
        arrays.Logits[Count] = wantLogits ? (sbyte)1 : (sbyte)0;
        return Count++;
    }
}
