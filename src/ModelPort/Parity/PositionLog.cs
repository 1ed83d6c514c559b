using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using ModelPort.Diagnostics;

namespace ModelPort.Parity;

/// <summary>
/// The statistics of windows that are compared already, in a file that outlives a kill: the key of the comparison, then for each batch of windows which they
/// are, their positions, and XxHash128 over both. What is damaged, and all after it, is compared again.
/// </summary>
internal sealed class PositionLog : IWindowLog, IDisposable
{
    private const int NumberBytes = sizeof(int);
    private const int HashBytes = 16;

    private readonly TokenWindows _windows;
    private readonly PositionStatistics[] _positions;
    private readonly SafeFileHandle _file;
    private readonly HashSet<int> _held = [];
    private readonly Lock _gate = new();
    private long _end;

    private PositionLog(TokenWindows windows, PositionStatistics[] positions, SafeFileHandle file)
    {
        _windows = windows;
        _positions = positions;
        _file = file;
    }

    /// <summary>Opens a log, and puts what it holds in its place.</summary>
    /// <param name="path">Its file; begun anew when it is of another key.</param>
    /// <param name="key">Of all that the positions depend on.</param>
    /// <param name="windows">The windows.</param>
    /// <param name="positions">Where the positions go, window after window.</param>
    /// <exception cref="ModelPortException">MP2001: it cannot be written.</exception>
    public static PositionLog Open(string path, string key, TokenWindows windows, PositionStatistics[] positions)
    {
        try
        {
            var log = new PositionLog(windows, positions, File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
            log.Load(Encoding.ASCII.GetBytes(key + "\n"));
            return log;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.OutputUnwritable(path, e.Message), e);
        }
    }

    /// <inheritdoc/>
    public bool Holds(int first, int count) => Enumerable.Range(first, count).All(_held.Contains);

    /// <inheritdoc/>
    public void Done(int first, int count)
    {
        ReadOnlySpan<byte> body = [.. MemoryMarshal.AsBytes<int>([first, count]), .. MemoryMarshal.AsBytes(PositionsOf(first, count))];
        lock (_gate)
        {
            Append([.. body, .. XxHash128.Hash(body)]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private Span<PositionStatistics> PositionsOf(int first, int count) => _positions.AsSpan(first * _windows.Rows, count * _windows.Rows);

    private void Append(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_file, bytes, _end);
        _end += bytes.Length;
    }

    private void Load(byte[] head)
    {
        // Not much more than a line for each position.
        var length = RandomAccess.GetLength(_file);
        var most = head.Length + (long)_windows.Count * (2 * NumberBytes + HashBytes) + MemoryMarshal.AsBytes(_positions.AsSpan()).Length;
        var content = new byte[length <= most ? length : 0];
        _ = RandomAccess.Read(_file, content, 0);
        if (content.AsSpan().StartsWith(head))
        {
            _end = head.Length;
            while (Next(content.AsSpan((int)_end)) is > 0 and var read)
            {
                _end += read;
            }
        }

        RandomAccess.SetLength(_file, _end);
        if (_end == 0)
        {
            Append(head);
        }
    }

    private int Next(ReadOnlySpan<byte> content)
    {
        if (content.Length < 2 * NumberBytes)
        {
            return 0;
        }

        var (first, count) = (MemoryMarshal.Read<int>(content), MemoryMarshal.Read<int>(content[NumberBytes..]));
        if (first < 0 || count < 1 || first > _windows.Count - count)
        {
            return 0;
        }

        var positions = MemoryMarshal.AsBytes(PositionsOf(first, count));
        var body = 2 * NumberBytes + positions.Length;
        if (content.Length < body + HashBytes || !XxHash128.Hash(content[..body]).AsSpan().SequenceEqual(content.Slice(body, HashBytes)))
        {
            return 0;
        }

        content[(2 * NumberBytes)..body].CopyTo(positions);
        _held.UnionWith(Enumerable.Range(first, count));
        return body + HashBytes;
    }
}
