using System.Globalization;

namespace ModelPort.Packages.Feeds;

/// <summary>
/// A package on a server as a stream that can be sought in: what is read is fetched in blocks, more of them at once while reading goes straight on, and a few are kept. An archive is opened by its end and by the
/// beginnings of its entries, so that of gigabytes a few hundred kilobytes are moved.
/// </summary>
internal sealed class RangeStream : Stream
{
    /// <summary>The bytes of a block.</summary>
    public const int BlockBytes = 1 << 16;

    // Together at most 6 MiB, whatever a package claims.
    private const int MostAtOnce = 16;
    private const int MostKept = 96;

    private readonly RemotePackage _package;
    private readonly long _most;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<long, byte[]> _blocks = [];
    private readonly Queue<long> _order = [];
    private long _position;
    private long _next;
    private int _atOnce = 1;

    /// <summary>A stream whose first block is known.</summary>
    /// <param name="package">What it reads.</param>
    /// <param name="first">The first block.</param>
    /// <param name="most">Bytes that may be fetched before it is taken for damage.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public RangeStream(RemotePackage package, byte[] first, long most, CancellationToken cancellation)
    {
        (_package, _most, _cancellation) = (package, most, cancellation);
        Keep(0, first);
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => _package.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">More was read than a package of models has beside its weights.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_position >= Length || buffer.Length == 0)
        {
            return 0;
        }

        var number = _position / BlockBytes;
        var block = _blocks.TryGetValue(number, out var known) ? known : Fetch(number);
        var start = (int)(_position % BlockBytes);
        var count = Math.Min(buffer.Length, block.Length - start);
        block.AsSpan(start, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => Length,
    };

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private byte[] Fetch(long number)
    {
        _atOnce = number == _next ? Math.Min(_atOnce * 2, MostAtOnce) : 1;
        _next = number + _atOnce;
        var from = number * BlockBytes;
        var count = (int)Math.Min((long)_atOnce * BlockBytes, Length - from);
        if (_package.BytesRead + count > _most)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its directory and manifests have more than {_most} bytes"));
        }

        var fetched = _package.Read(from, count, _cancellation).GetAwaiter().GetResult();
        for (var start = 0; start < count; start += BlockBytes)
        {
            Keep(number + (start / BlockBytes), fetched[start..Math.Min(start + BlockBytes, count)]);
        }

        return _blocks[number];
    }

    private void Keep(long number, byte[] block)
    {
        if (_blocks.TryAdd(number, block))
        {
            _order.Enqueue(number);
        }

        while (_blocks.Count > MostKept)
        {
            _blocks.Remove(_order.Dequeue());
        }
    }
}
