using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Caching.Remote;

/// <summary>An object that arrives in a file: hashed as it comes, never longer than it should be, and gone on with where an earlier transfer broke off.</summary>
internal sealed class Arrival : IDisposable
{
    private const int BufferBytes = 1 << 18;

    private readonly string _path;
    private readonly long _expected;
    private readonly SafeFileHandle _file;
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private Arrival(string path, long expected, SafeFileHandle file)
    {
        _path = path;
        _expected = expected;
        _file = file;
    }

    /// <summary>How many bytes are there.</summary>
    public long Length { get; private set; }

    /// <summary>Whether some were there before this.</summary>
    public bool WasBegun { get; private set; }

    /// <summary>Whether all are there.</summary>
    public bool IsComplete => Length == _expected;

    /// <summary>Opens the file, and hashes what an earlier transfer brought.</summary>
    /// <exception cref="RemoteException">The file cannot be written.</exception>
    public static Arrival Open(string path, long expected, Pace pace) => Locally(path, () =>
    {
        var arrival = new Arrival(path, expected, File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        arrival.ReadWhatIsThere(pace);
        return arrival;
    });

    /// <summary>Forgets what is there.</summary>
    public void StartOver()
    {
        _ = _sha.GetHashAndReset();
        Length = 0;
        WasBegun = false;
        Locally(_path, () =>
        {
            RandomAccess.SetLength(_file, 0);
            return true;
        });
    }

    /// <summary>Takes all that a stream has.</summary>
    /// <exception cref="RemoteException">It has too much, or the file cannot be written.</exception>
    /// <exception cref="IOException">The transfer broke off.</exception>
    public async Task Take(Stream stream, Pace pace)
    {
        var buffer = new byte[BufferBytes];
        // A share that hangs cannot be called back; it is left to itself.
        while (await stream.ReadAsync(buffer, pace.Token).AsTask().WaitAsync(pace.Token) is > 0 and var count)
        {
            if (Length + count > _expected)
            {
                throw new RemoteException($"it sends more than the {_expected} bytes that the object has");
            }

            _sha.AppendData(buffer, 0, count);
            Locally(_path, () =>
            {
                RandomAccess.Write(_file, buffer.AsSpan(0, count), Length);
                return true;
            });
            Length += count;
            pace.Advance(count);
        }
    }

    /// <summary>SHA-256 of what is there, in lower-case hex; only once.</summary>
    public string Hash() => Convert.ToHexStringLower(_sha.GetHashAndReset());

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _sha.Dispose();
    }

    private void ReadWhatIsThere(Pace pace)
    {
        if (RandomAccess.GetLength(_file) >= _expected)
        {
            // A file of the right length would have been taken, if it were right.
            RandomAccess.SetLength(_file, 0);
        }

        var buffer = new byte[BufferBytes];
        while (RandomAccess.Read(_file, buffer, Length) is > 0 and var count)
        {
            pace.Token.ThrowIfCancellationRequested();
            _sha.AppendData(buffer, 0, count);
            Length += count;
            pace.Advance(count);
        }

        WasBegun = Length > 0;
    }

    private static T Locally<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RemoteException($"'{path}' cannot be written here ({e.Message.TrimEnd('.')})");
        }
    }
}
