namespace ModelPort.Diagnostics;

// MP504x: package feeds
public static partial class Diagnose
{
    /// <summary>MP5040: a feed cannot be asked.</summary>
    public static Diagnostic FeedUnreachable(string feed, string found) =>
        Error("MP5040", "", $"The feed {feed} cannot be asked: {found.TrimEnd('.')}. Expected a server of NuGet's protocol, or a folder. Check the network and the source's address; a version that was restored before is read without a feed where it is named exactly, as id@version.");

    /// <summary>MP5041: a feed refuses whoever asks.</summary>
    public static Diagnostic FeedRefused(string feed, string found) =>
        Error("MP5041", "", $"The feed {feed} refuses to answer: {found}. Expected credentials that it accepts. Give them as for restore: packageSourceCredentials in nuget.config, the environment variable NuGetPackageSourceCredentials_NAME, or a credential provider (with --interactive where it has to ask you).");

    /// <summary>MP5042: no feed has a package.</summary>
    public static Diagnostic PackageNotFound(string package, string feeds) =>
        Error("MP5042", "", $"There is no package '{package}' on {feeds}, and no file or folder of this name. Check the spelling, or name the feed that has it with --source.");

    /// <summary>MP5043: the feeds have a package, but not the version that is asked for.</summary>
    public static Diagnostic VersionNotFound(string package, string near, string feeds) =>
        Error("MP5043", "", $"There is no version for '{package}' on {feeds}; there are: {near}. Use one of these; an identity alone stands for the latest stable version, and with --prerelease for the latest.");

    /// <summary>MP5044: package source mapping lets no feed that is asked give a package.</summary>
    public static Diagnostic SourceMappingExcludes(string package, string feeds, string mapped) =>
        Error("MP5044", "", $"Package source mapping excludes '{package}' from {feeds}: it maps it to {mapped}. Correct packageSourceMapping in nuget.config, or name a source that the package is mapped to.");

    /// <summary>MP5045: the configuration of package sources cannot be used.</summary>
    public static Diagnostic FeedSettings(string place, string found) =>
        Error("MP5045", place, $"The package sources cannot be used: {found.TrimEnd('.')}. Expected a nuget.config as restore reads it. Correct it, or name a source with --source.");

    /// <summary>MP5046: a feed would be asked over plain HTTP.</summary>
    public static Diagnostic InsecureFeed(string feed) =>
        Error("MP5046", "", $"The feed {feed} would be asked over plain http, where everybody on the way can change what it answers. Expected https. Use https, or set allowInsecureConnections=\"true\" at the source in nuget.config.");

    /// <summary>MP5047 (warning): a package is downloaded for the sake of its manifests.</summary>
    public static Diagnostic NoRanges(string feed, string package) =>
        Warning("MP5047", "", $"The feed {feed} serves no ranges, so all of {package} is downloaded to read its manifests. Restore the package first where that is too much: it is then read from the packages folder.");

    /// <summary>MP5048: what is named as a package is none.</summary>
    public static Diagnostic BadPackageVersion(string text, string found) =>
        Error("MP5048", "", $"'{text}' names no package here: {found.TrimEnd('.')}. Expected an identity, with verify and compare also id@1.0.0, id@1.* or id@[1.0,2.0). Correct it.");
}
