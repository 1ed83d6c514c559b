using Microsoft.Build.Utilities;

namespace ModelPort.Build;

/// <summary>
/// Every error and warning of the build side, MP4005 and MP9010 to MP9019. All other codes belong to the worker, which sends them with its messages.
/// docs/errors.md has a section for each code.
/// </summary>
internal static class Diagnostics
{
    // errors.md ships beside the worker, which is where the worker's own links lead too.
    private static readonly string HelpPage = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(Diagnostics).Assembly.Location), "..", "worker", "docs", "errors.md"));

    /// <summary>MP4005 (warning): a package is larger than a gallery takes.</summary>
    public static void PackageTooLarge(this TaskLoggingHelper log, string project, string package, long bytes, long limit, bool isSplit) =>
        log.LogWarning(null, "MP4005", null, HelpLink("MP4005"), project, 0, 0, 0, 0, FormattableString.Invariant($"The package '{package}' has {bytes} bytes, and may have {limit}: nuget.org takes packages of at most 250000000 bytes and refuses larger ones after the upload. ") + (isSplit
            ? "It is a part, and a file in it is larger than a package may be, or what the project itself packs is. Remove SplitMaxSize or lower it, and pack less beside the models."
            : "Set ModelPortSplit=true, which makes packages of its parts, choose a smaller precision, or use a feed of your own and set ModelPortMaxPackageSize to what that takes, with ModelPortSplit=false."));

    /// <summary>MP9010: the worker died.</summary>
    public static void WorkerDied(this TaskLoggingHelper log, string source, int exitCode, string lastLines) =>
        Error(log, "MP9010", source, $"The worker ended with exit code {exitCode} and named no error. Nothing was changed; build with -v:detailed to see all that it wrote.{Quote(lastLines)}");

    /// <summary>MP9011: the worker says it is done, but its result does not hold.</summary>
    public static void ResultInvalid(this TaskLoggingHelper log, string source, string found) =>
        Error(log, "MP9011", source, $"The worker ended well, but {found}. The worker and this package do not belong together; check the property ModelPortToolPath.");

    /// <summary>MP9012: the worker program is not where it should be.</summary>
    public static void WorkerMissing(this TaskLoggingHelper log, string project, string path) =>
        Error(log, "MP9012", project, $"The worker '{path}' does not exist. Restore the package ModelPort.Build again, or correct the property ModelPortToolPath (it names ModelPort.Tool.dll).");

    /// <summary>MP9013: no dotnet host to run the worker with.</summary>
    public static void HostMissing(this TaskLoggingHelper log, string project) =>
        Error(log, "MP9013", project, "There is no dotnet host to run the worker with. Install the .NET SDK 10 or later, or set the environment variable DOTNET_HOST_PATH.");

    /// <summary>MP9014: the host has no runtime that can run the worker.</summary>
    public static void RuntimeMissing(this TaskLoggingHelper log, string project, string host, string lastLines) =>
        Error(log, "MP9014", project, $"'{host}' has no runtime that can run the worker; it needs .NET 10 or later. Install it beside the SDK that builds.{Quote(lastLines)}");

    /// <summary>MP9015: a file of the build's own records cannot be read or written.</summary>
    public static void RecordFailed(this TaskLoggingHelper log, string path, string reason) =>
        Error(log, "MP9015", path, $"The build's records under obj cannot be read or written: {reason} Check the folder's permissions and free space, then build again.");

    /// <summary>MP9016: two items of a project have one name.</summary>
    public static void DuplicateName(this TaskLoggingHelper log, string project, string name, string first, string second) =>
        Error(log, "MP9016", project, $"Two ModelPort items are named '{name}': '{first}' and '{second}'. Each name is a folder beside the application (case does not count); set the metadatum Name of one of them.");

    /// <summary>MP9017: a name that cannot be a folder.</summary>
    public static void InvalidName(this TaskLoggingHelper log, string project, string item, string name) =>
        Error(log, "MP9017", project, $"The ModelPort item '{item}' has the name '{name}', which cannot be a folder on every system. Expected one path segment without control characters and any of < > : \" / \\ | ? *, and without a dot or space at its end; set the metadatum Name.");

    private static void Error(TaskLoggingHelper log, string code, string file, string message) =>
        log.LogError(null, code, null, HelpLink(code), file, 0, 0, 0, 0, message);

    private static string? HelpLink(string code) => File.Exists(HelpPage) ? $"{new Uri(HelpPage).AbsoluteUri}#{code.ToLowerInvariant()}" : null;

    private static string Quote(string lastLines) => lastLines.Length == 0 ? "" : $" Its last lines:{Environment.NewLine}{lastLines}";
}
