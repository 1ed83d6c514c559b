using System.Buffers;

namespace ModelPort.Formats.Onnx;

/// <summary>Takes the next bytes of a tensor's content; the span is valid only during the call.</summary>
/// <param name="bytes">A whole number of 64-byte pieces, but for the last call.</param>
public delegate void ContentReader(ReadOnlySpan<byte> bytes);

/// <summary>
/// The values of a tensor as <c>raw_data</c> holds them: little-endian, the last dimension fastest, types of fewer than 8 bits packed from the low bits up.
/// Content in a file stays there until it is read, so that a model takes memory for its graph and not for its weights.
/// </summary>
public abstract record OnnxContent
{
    private const int ChunkBytes = 1 << 16;

    private OnnxContent(long length) => Length = length;

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>Content that is in memory.</summary>
    public static OnnxContent Of(ReadOnlyMemory<byte> bytes) => new InMemory(bytes);

    /// <summary>Content that is made when it is needed, for instance while a model is saved.</summary>
    /// <param name="length">How many bytes <paramref name="write"/> writes.</param>
    /// <param name="write">Writes all of it, in pieces of any size; the same bytes each time it is called.</param>
    public static OnnxContent Computed(long length, Action<Stream> write)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new OnDemand(length, write);
    }

    /// <summary>Hands over all bytes in order, a piece at a time.</summary>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public abstract void Visit(ContentReader reader);

    /// <summary>Writes all bytes to a stream.</summary>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public virtual void CopyTo(Stream destination) => Visit(destination.Write);

    /// <summary>All bytes at once, for a tensor that is known to be small enough.</summary>
    /// <exception cref="InvalidOperationException">There are more bytes than an array holds.</exception>
    public byte[] ToArray()
    {
        if (Length > Array.MaxLength)
        {
            throw new InvalidOperationException($"{Length} bytes are more than an array holds; read them a piece at a time.");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)Length);
        int position = 0;
        Visit(piece =>
        {
            piece.CopyTo(bytes.AsSpan(position));
            position += piece.Length;
        });
        return bytes;
    }

    /// <summary>The external file and the offset in it; null for content of any other place.</summary>
    internal virtual (string Path, long Offset)? ExternalPlace => null;

    internal static OnnxContent In(SourceFile file, long offset, long length, string member) => new InFile(file, offset, length, member);

    internal static OnnxContent In(string path, long offset, long length, string member) => new InOtherFile(path, offset, length, member);

    private static void Visit(SourceFile file, long offset, long length, string member, ContentReader reader)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (long done = 0; done < length;)
            {
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(ChunkBytes, length - done));
                file.Read(offset + done, piece, member);
                reader(piece);
                done += piece.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private sealed record InMemory(ReadOnlyMemory<byte> Bytes) : OnnxContent(Bytes.Length)
    {
        public override void Visit(ContentReader reader)
        {
            if (!Bytes.IsEmpty)
            {
                reader(Bytes.Span);
            }
        }
    }

    private sealed record InFile(SourceFile File, long Offset, long Bytes, string Member) : OnnxContent(Bytes)
    {
        public override void Visit(ContentReader reader) => Visit(File, Offset, Length, Member, reader);

        public bool Equals(InFile? other) => other is not null && File == other.File && Offset == other.Offset && Bytes == other.Bytes;

        public override int GetHashCode() => HashCode.Combine(File, Offset, Bytes);
    }

    // Old exporters write a file for each tensor: it is opened while it is read, as thousands of open files are more than a process may have.
    private sealed record InOtherFile(string Path, long Offset, long Bytes, string Member) : OnnxContent(Bytes)
    {
        internal override (string Path, long Offset)? ExternalPlace => (Path, Offset);

        public override void Visit(ContentReader reader)
        {
            using SourceFile file = SourceFile.Open(Path);
            Visit(file, Offset, Length, Member, reader);
        }

        public bool Equals(InOtherFile? other) => other is not null && Path == other.Path && Offset == other.Offset && Bytes == other.Bytes;

        public override int GetHashCode() => HashCode.Combine(Path, Offset, Bytes);
    }

    private sealed record OnDemand(long Bytes, Action<Stream> Write) : OnnxContent(Bytes)
    {
        public override void Visit(ContentReader reader)
        {
            using ReaderStream stream = new(reader, Length);
            Write(stream);
            stream.Complete();
        }
    }

    /// <summary>Gathers what is written into whole pieces, and counts it.</summary>
    private sealed class ReaderStream(ContentReader reader, long expected) : Stream
    {
        private readonly byte[] pending = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        private int filled;
        private long written;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => written; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> bytes)
        {
            written += bytes.Length;
            if (written > expected)
            {
                throw new InvalidOperationException($"A content of {expected} bytes wrote {written}.");
            }

            while (!bytes.IsEmpty)
            {
                int count = Math.Min(bytes.Length, ChunkBytes - filled);
                bytes[..count].CopyTo(pending.AsSpan(filled));
                bytes = bytes[count..];
                filled += count;
                if (filled == ChunkBytes)
                {
                    HandOver();
                }
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public void Complete()
        {
            if (written != expected)
            {
                throw new InvalidOperationException($"A content of {expected} bytes wrote {written}.");
            }

            HandOver();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                ArrayPool<byte>.Shared.Return(pending);
            }

            base.Dispose(disposing);
        }

        private void HandOver()
        {
            if (filled > 0)
            {
                reader(pending.AsSpan(0, filled));
                filled = 0;
            }
        }
    }
}
