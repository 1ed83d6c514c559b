using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>
/// What work that was broken off depends on, so that only the same work goes on with it. Files count by what the system knows of them, not by their
/// content: the content is hashed while the work goes on, and must be what it was.
/// </summary>
internal static class ResumeKey
{
    // Of a file that was written only just now nobody can tell whether it is written again within the same tick of the clock.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    /// <summary>The key of a file's bytes; null when a source file is too new, or the system knows too little of it.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="layout">The file's header and places.</param>
    /// <param name="importance">What weighs columns.</param>
    public static string? OfFile(PortPlan plan, GgufLayout layout, Importance? importance)
    {
        if (Identities(plan.Checkpoint) is not { } source)
        {
            return null;
        }

        using var header = new MemoryStream();
        layout.WriteHeader(header);
        return new StageKey(
            "write",
            [
                new("tool", StageKeys.ToolVersion),
                new("header", Sha256(header)),
                new("importance", importance is null ? "" : Sha256(importance)),
                .. source,
            ]).Value;
    }

    /// <summary>What is known of a checkpoint's files; null when one is too new, or too little is known.</summary>
    public static IReadOnlyList<KeyPart>? Identities(Checkpoint checkpoint)
    {
        var parts = new List<KeyPart>();
        foreach (var file in checkpoint.Files)
        {
            if (FileIdentity.Of(file.Path) is not { } identity || !IsSettled(identity))
            {
                return null;
            }

            parts.Add(new KeyPart(file.Path, identity.ToString()));
        }

        return parts;
    }

    private static bool IsSettled(FileIdentity identity)
    {
        var latest = DateTime.UnixEpoch.AddTicks(Math.Max(identity.Written, identity.Changed) / TimeSpan.NanosecondsPerTick);
        return DateTime.UtcNow - latest > Settled;
    }

    private static string Sha256(Importance importance)
    {
        using var content = new MemoryStream();
        importance.Matrix.Write(content);
        return Sha256(content);
    }

    private static string Sha256(MemoryStream content) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content.GetBuffer().AsSpan(0, (int)content.Length)));
}
