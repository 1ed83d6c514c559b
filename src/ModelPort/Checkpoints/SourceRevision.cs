using System.Text.Json.Serialization;

namespace ModelPort.Checkpoints;

/// <summary>Which state of its repository a checkpoint is, by what the tools that fetched it left beside it.</summary>
/// <param name="Commit">The commit, or whatever the user calls the state.</param>
/// <param name="From">Who says so.</param>
/// <param name="Repository">The repository on the hub, as <c>owner/name</c>; null where nobody says.</param>
public sealed record SourceRevision(string Commit, RevisionOrigin From, string? Repository = null)
{
    private const string Snapshots = "snapshots";
    private const string HubPrefix = "models--";
    private const int MostBytes = 1 << 16;

    /// <summary>Looks at a checkpoint's folder; null when nothing there says which revision it is.</summary>
    /// <param name="folder">The folder, as an absolute path.</param>
    /// <param name="files">Names of the files that the port depends on, relative to it.</param>
    /// <param name="stated">What the user states, which counts before anything found; null for nothing.</param>
    public static SourceRevision? Of(string folder, IEnumerable<string> files, string? stated) =>
        (stated is null ? null : new SourceRevision(stated, RevisionOrigin.Stated)) ?? OfHubCache(folder) ?? OfHubDownload(folder, files) ?? OfGit(folder);

    // The hub's cache: models--owner--name/snapshots/<commit>.
    private static SourceRevision? OfHubCache(string folder) =>
        IsCommit(Path.GetFileName(folder))
        && Directory.GetParent(folder) is { Name: Snapshots, Parent.Name: var repository }
        && repository.StartsWith(HubPrefix, StringComparison.Ordinal)
            ? new SourceRevision(Path.GetFileName(folder), RevisionOrigin.HubCache, repository[HubPrefix.Length..].Replace("--", "/", StringComparison.Ordinal))
            : null;

    // A download to a folder leaves the commit of each file as the first line of .cache/huggingface/download/<file>.metadata. Files of several commits are of none.
    private static SourceRevision? OfHubDownload(string folder, IEnumerable<string> files)
    {
        string?[] commits = [.. files.Select(f => FirstLine(Path.Combine(folder, ".cache", "huggingface", "download", f + ".metadata"))).Distinct()];
        return commits is [{ } commit] && IsCommit(commit) ? new SourceRevision(commit, RevisionOrigin.HubDownload) : null;
    }

    // Only a clone of the checkpoint itself: the commit of a repository that holds it among other things says little about it.
    private static SourceRevision? OfGit(string folder)
    {
        var git = Path.Combine(folder, ".git");
        if (!Directory.Exists(git) || FirstLine(Path.Combine(git, "HEAD")) is not { } head)
        {
            return null;
        }

        var commit = head.StartsWith("ref: ", StringComparison.Ordinal) && head["ref: ".Length..] is var reference && !reference.Split('/').Contains("..")
            ? FirstLine(Path.Combine(git, reference)) ?? Packed(Path.Combine(git, "packed-refs"), reference)
            : head;
        return IsCommit(commit) ? new SourceRevision(commit!, RevisionOrigin.Git) : null;
    }

    private static string? Packed(string path, string reference) =>
        Lines(path)?.Select(l => l.Split(' ')).FirstOrDefault(l => l is [_, var name] && name == reference)?[0];

    private static bool IsCommit(string? text) => text is { Length: 40 or 64 } && text.All(char.IsAsciiHexDigitLower);

    private static string? FirstLine(string path) => Lines(path)?.FirstOrDefault();

    private static string[]? Lines(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= MostBytes } ? File.ReadAllLines(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>Who says which revision a checkpoint is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RevisionOrigin>))]
public enum RevisionOrigin
{
    /// <summary>The user.</summary>
    [JsonStringEnumMemberName("stated")]
    Stated,

    /// <summary>The name of its folder in the Hugging Face hub's cache.</summary>
    [JsonStringEnumMemberName("hubCache")]
    HubCache,

    /// <summary>What a download of the Hugging Face hub left beside its files.</summary>
    [JsonStringEnumMemberName("hubDownload")]
    HubDownload,

    /// <summary>The git repository that it is a clone of.</summary>
    [JsonStringEnumMemberName("git")]
    Git,
}
