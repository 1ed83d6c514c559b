using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ModelPort.Caching;
using ModelPort.Porting;

namespace ModelPort.Parity;

/// <summary>
/// The logits of a source in the store: recorded once for windows of tokens, and read where they lie for every port that is compared with them, in this run
/// and in later ones. They are many times the size of what is measured with them, so that a store of small size does not keep them.
/// </summary>
/// <param name="context">What stages share.</param>
/// <param name="model">What llama.cpp computes with.</param>
internal sealed class SourceLogits(PortContext context, IReadOnlyList<KeyPart> model)
{
    private const string ObjectName = "logits";
    private const string SpeedName = "tokens per second";

    /// <summary>Logits in a file.</summary>
    /// <param name="Path">The file.</param>
    /// <param name="TokensPerSecond">How fast the source was evaluated for them.</param>
    /// <param name="Owner">The file, when it is temporary.</param>
    public sealed record Recorded(string Path, double TokensPerSecond, IDisposable? Owner) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => Owner?.Dispose();
    }

    /// <summary>The logits of some windows; null when they are not kept.</summary>
    public Recorded? Find(TokenWindows windows) =>
        context.Store.TryGetRecord(Key(windows)) is { } record
        && record.Objects.GetValueOrDefault(ObjectName) is { } stored
        && double.TryParse(record.Values.GetValueOrDefault(SpeedName), NumberStyles.Float, CultureInfo.InvariantCulture, out var speed)
        && context.Store.TryFind(stored) is { } path
            ? new Recorded(path, speed, null)
            : null;

    /// <summary>Keeps the logits of some windows, if there is room for them.</summary>
    /// <param name="windows">The windows.</param>
    /// <param name="file">The file, whole under its temporary name.</param>
    /// <param name="tokensPerSecond">How fast the source was evaluated.</param>
    public void Keep(TokenWindows windows, OutputFile file, double tokensPerSecond)
    {
        if (context.Store.IsOn && context.Store.HasRoomFor(new FileInfo(file.TemporaryPath).Length) && context.Store.Publish(file.TemporaryPath, file.Hash(context.Cancellation)) is { } stored)
        {
            context.Store.PutRecord(StoreRecord.Of(
                Key(windows),
                context.Request.Name,
                new Dictionary<string, StoredObject> { [ObjectName] = stored },
                new Dictionary<string, string> { [SpeedName] = tokensPerSecond.ToString("R", CultureInfo.InvariantCulture) }));
        }
    }

    /// <summary>The key of the logits of some windows.</summary>
    public StageKey Key(TokenWindows windows) => StageKeys.OfLogits(model, Digest(windows), context.Engine, context.CpuBackend);

    private static string Digest(TokenWindows windows)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(MemoryMarshal.AsBytes<int>([windows.Count, windows.Length, windows.FirstScored, windows.Rows]));
        for (var i = 0; i < windows.Count; i++)
        {
            sha.AppendData(MemoryMarshal.AsBytes(windows[i]));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }
}
