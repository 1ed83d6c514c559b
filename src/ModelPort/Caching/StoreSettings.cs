namespace ModelPort.Caching;

/// <summary>How far the content of an object of the store is checked before it is used. Its length always is.</summary>
public enum StoreVerification
{
    /// <summary>By its checksum: finds all damage that is not made on purpose, at the speed of memory.</summary>
    Checksum,

    /// <summary>By SHA-256, for a store that others can write to.</summary>
    Sha256,

    /// <summary>By its length alone.</summary>
    Size,
}

/// <summary>Which store is used, and how.</summary>
/// <param name="Directory">Its folder; null for none.</param>
/// <param name="Verification">What is checked of its objects.</param>
/// <param name="MaxBytes">What it may hold when a run ends.</param>
/// <param name="Threads">Threads that compute checksums.</param>
public sealed record StoreSettings(string? Directory, StoreVerification Verification, long MaxBytes, int Threads)
{
    /// <summary>The default of <see cref="MaxBytes"/>: 50 GB.</summary>
    public const long DefaultMaxBytes = 50_000_000_000;

    /// <summary>The word that turns the store off, where a folder is expected.</summary>
    public const string None = "none";

    /// <summary>The environment variable that names the folder where nothing else does.</summary>
    public const string Variable = "MODELPORT_CACHE";

    /// <summary>
    /// The folder that a user means: the one that is named, else that of the environment, else <c>modelport</c> in the user's cache folder
    /// (<c>XDG_CACHE_HOME</c> or <c>~/.cache</c>, <c>~/Library/Caches</c> on macOS, local application data on Windows).
    /// </summary>
    /// <param name="named">What the build or the command line says; null when neither says anything.</param>
    /// <returns>An absolute path; null for no store.</returns>
    public static string? DirectoryOf(string? named)
    {
        var chosen = named ?? Environment.GetEnvironmentVariable(Variable);
        return chosen is null ? DefaultDirectory()
            : chosen.Length == 0 || chosen.Equals(None, StringComparison.OrdinalIgnoreCase) ? null
            : Path.GetFullPath(chosen);
    }

    private static string? DefaultDirectory()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
        var caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } stated && Path.IsPathRooted(stated) ? stated
            : Path.Combine(home, ".cache");
        // A user without a home, as some containers have, has no cache.
        return Path.IsPathRooted(caches) ? Path.Combine(caches, "modelport") : null;
    }
}
