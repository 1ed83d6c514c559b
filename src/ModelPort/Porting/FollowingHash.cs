using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Porting;

/// <summary>
/// SHA-256 of a file that is being read or written, computed close behind the pass: its bytes are still in the system's cache then, so that no
/// second pass over the disk is needed, and little is left to do at the end. Works on the thread pool whenever there is enough to do.
/// </summary>
/// <param name="handle">The file, open for reading; the owner keeps it open until this is disposed.</param>
internal sealed class FollowingHash(SafeFileHandle handle) : IDisposable
{
    // The buffer stays in a core's own cache; a start on the pool is worth it for a few of them.
    private const int BufferBytes = 1 << 18;
    private const int Worthwhile = 4 * BufferBytes;

    private readonly Lock _gate = new();
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _allowed;
    private long _done;
    private bool _isWorking;
    private bool _isStopped;
    private Task _work = Task.CompletedTask;

    /// <summary>Lets it go on up to a position; one that lies behind is ignored.</summary>
    public void Allow(long end)
    {
        lock (_gate)
        {
            _allowed = Math.Max(_allowed, end);
            if (_allowed - _done >= Worthwhile)
            {
                Start();
            }
        }
    }

    /// <summary>Hashes the rest, up to the end of the file.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>SHA-256 in lower-case hex.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public string Complete(CancellationToken cancellation)
    {
        lock (_gate)
        {
            _allowed = long.MaxValue;
            Start();
        }

        _work.WaitAsync(cancellation).GetAwaiter().GetResult();
        return Convert.ToHexStringLower(_sha.GetHashAndReset());
    }

    /// <summary>Stops, and waits until no thread uses the file.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        // A fault of its own is the echo of one that is thrown already.
        Task.WaitAny([_work], CancellationToken.None);
        _sha.Dispose();
    }

    private void Start()
    {
        if (!_isWorking && !_isStopped)
        {
            _isWorking = true;
            _work = Task.Run(Work);
        }
    }

    private void Work()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        while (Next() is > 0 and var wanted)
        {
            var read = RandomAccess.Read(handle, buffer.AsSpan(0, wanted), _done);
            _sha.AppendData(buffer, 0, read);
            Advance(read, isEnd: read == 0);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private int Next()
    {
        lock (_gate)
        {
            var wanted = _isStopped ? 0 : (int)Math.Min(BufferBytes, _allowed - _done);
            _isWorking = wanted > 0;
            return wanted;
        }
    }

    private void Advance(int read, bool isEnd)
    {
        lock (_gate)
        {
            _done += read;
            _allowed = isEnd ? _done : _allowed;
        }
    }
}
