using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Porting;

/// <summary>
/// The hash of a file that is being read or written, computed by the threads of the pass from the bytes they have in hand. Bytes out of turn wait in
/// memory; what finds no room there is read again close behind the pass, while it is in the system's cache: there is no second pass over the disk, and
/// nothing is left to do at the end unless hashing is slower than all else.
/// </summary>
/// <param name="handle">The file, open for reading; the owner keeps it open while this is used.</param>
/// <param name="hash">The hash; it belongs to this.</param>
internal sealed class FollowingHash(SafeFileHandle handle, RunningHash hash) : IDisposable
{
    private const int ReadBytes = 1 << 18;
    private const int MostWaiting = 8 << 20;
    private const int MarkBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<ArraySegment<byte>, long> _waiting = new();
    private long _waitingBytes;
    private long _readable;
    private long _done;
    private long _marked;
    private long _end;
    private Action<WriteMark>? _marking;

    // One thread hashes at a time; the others leave their bytes to it.
    private bool _isTaken;

    /// <summary>Says now and then, and at the end, up to where the file is hashed.</summary>
    /// <param name="end">The file's length.</param>
    /// <param name="marking">Told by whichever thread hashes.</param>
    public void Mark(long end, Action<WriteMark> marking) => (_end, _marking) = (end, marking);

    /// <summary>Says it no more.</summary>
    public void StopMarking() => _marking = null;

    /// <summary>Goes on from bytes that were written before, as far as they are what they were.</summary>
    /// <param name="marks">Up to where they were written, ascending.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>How many of the marks are right; the hash stands at the last of these.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public int Recover(IReadOnlyList<WriteMark> marks, CancellationToken cancellation)
    {
        var right = 0;
        while (right < marks.Count && Reaches(marks[right], cancellation))
        {
            right++;
        }

        if (right < marks.Count)
        {
            // The hash has gone beyond the last right mark, and cannot go back.
            hash.Reset();
            _done = 0;
            right = right == 0 || Reaches(marks[right - 1], cancellation) ? right : 0;
        }

        _marked = _done;
        return right;
    }

    /// <summary>Hashes bytes when it is their turn, and those that waited for them; else lets them wait.</summary>
    /// <param name="offset">Where they lie in the file.</param>
    /// <param name="bytes">The bytes, as they stay.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Offer(long offset, ReadOnlySpan<byte> bytes)
    {
        switch (Turn(offset, bytes.Length))
        {
            case Place.Now:
                Append(bytes);
                Drain(CancellationToken.None);
                break;
            case Place.Later:
                var copy = ArrayPool<byte>.Shared.Rent(bytes.Length);
                bytes.CopyTo(copy);
                lock (_gate)
                {
                    _waiting.Enqueue(new ArraySegment<byte>(copy, 0, bytes.Length), offset);
                }

                // The thread that hashed may have left before the copy was there.
                Follow(0, CancellationToken.None);
                break;
        }
    }

    /// <summary>Hashes what there is, unless another thread does.</summary>
    /// <param name="end">Bytes before this position may be read from the file when they were not offered; a lesser one than before is ignored.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Follow(long end, CancellationToken cancellation)
    {
        lock (_gate)
        {
            _readable = Math.Max(_readable, end);
            if (_isTaken)
            {
                return;
            }

            _isTaken = true;
        }

        Drain(cancellation);
    }

    /// <summary>Hashes the rest, up to the end of the file, when no other thread uses this any more.</summary>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The hash in lower-case hex.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidOperationException">Another thread is still at it, or broke off.</exception>
    public string Complete(CancellationToken cancellation)
    {
        Follow(long.MaxValue, cancellation);
        if (_isTaken)
        {
            throw new InvalidOperationException("A hash was asked for that is not complete.");
        }

        return hash.Current();
    }

    /// <inheritdoc/>
    public void Dispose() => hash.Dispose();

    private bool Reaches(WriteMark mark, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (_done < mark.Position)
            {
                cancellation.ThrowIfCancellationRequested();
                var count = RandomAccess.Read(handle, buffer.AsSpan(0, (int)Math.Min(ReadBytes, mark.Position - _done)), _done);
                if (count == 0)
                {
                    return false;
                }

                hash.Append(buffer.AsSpan(0, count));
                _done += count;
            }

            return hash.Current() == mark.Hash;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private Place Turn(long offset, int length)
    {
        lock (_gate)
        {
            if (offset < _done || length == 0)
            {
                return Place.Never;
            }

            if (offset == _done && !_isTaken)
            {
                _isTaken = true;
                return Place.Now;
            }

            if (_waitingBytes + length > MostWaiting)
            {
                return Place.Never;
            }

            _waitingBytes += length;
            return Place.Later;
        }
    }

    private void Drain(CancellationToken cancellation)
    {
        while (Next() is { } next)
        {
            cancellation.ThrowIfCancellationRequested();
            var bytes = next.Waited ?? new ArraySegment<byte>(ArrayPool<byte>.Shared.Rent(ReadBytes), 0, next.Wanted);
            var count = next.Waited is null ? RandomAccess.Read(handle, bytes, _done) : bytes.Count;
            Append(bytes.AsSpan(0, count));
            ArrayPool<byte>.Shared.Return(bytes.Array!);
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        hash.Append(bytes);
        lock (_gate)
        {
            _done += bytes.Length;
            // The end of the file is the end of the work.
            _readable = bytes.IsEmpty ? _done : _readable;
        }

        if (_marking is { } marking && (_done - _marked >= MarkBytes || (_done == _end && _done > _marked)))
        {
            _marked = _done;
            marking(new WriteMark(_done, hash.Current()));
        }
    }

    // Bytes that waited for this moment, or else how many can be read up to the next that wait; null when it is another thread's turn to come.
    private (ArraySegment<byte>? Waited, int Wanted)? Next()
    {
        lock (_gate)
        {
            while (_waiting.TryPeek(out var first, out var offset) && offset <= _done)
            {
                _waiting.Dequeue();
                _waitingBytes -= first.Count;
                if (offset == _done)
                {
                    return (first, 0);
                }

                ArrayPool<byte>.Shared.Return(first.Array!);
            }

            var end = _waiting.TryPeek(out _, out var next) ? Math.Min(next, _readable) : _readable;
            if (end > _done)
            {
                return (null, (int)Math.Min(end - _done, ReadBytes));
            }

            _isTaken = false;
            return null;
        }
    }

    private enum Place
    {
        Now,
        Later,
        Never,
    }
}
