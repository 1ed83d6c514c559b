using System.IO.Hashing;
using System.Security.Cryptography;

namespace ModelPort.Porting;

/// <summary>A hash of all bytes so far, which more can follow.</summary>
internal abstract class RunningHash : IDisposable
{
    /// <summary>SHA-256: the name of a content.</summary>
    public static RunningHash Sha256() => new Cryptographic();

    /// <summary>XxHash128: finds damage at the speed of memory, and is no proof against malice.</summary>
    public static RunningHash XxHash128() => new Fast();

    /// <summary>Adds bytes.</summary>
    public abstract void Append(ReadOnlySpan<byte> bytes);

    /// <summary>The hash of all bytes so far in lower-case hex.</summary>
    public abstract string Current();

    /// <summary>Begins anew.</summary>
    public abstract void Reset();

    /// <inheritdoc/>
    public abstract void Dispose();

    private sealed class Cryptographic : RunningHash
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override string Current() => Convert.ToHexStringLower(_hash.GetCurrentHash());

        public override void Reset() => _ = _hash.GetHashAndReset();

        public override void Dispose() => _hash.Dispose();
    }

    private sealed class Fast : RunningHash
    {
        private readonly XxHash128 _hash = new();

        public override void Append(ReadOnlySpan<byte> bytes) => _hash.Append(bytes);

        public override string Current() => Convert.ToHexStringLower(_hash.GetCurrentHash());

        public override void Reset() => _hash.Reset();

        public override void Dispose()
        {
        }
    }
}
