using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>How large a package may be, and whether a larger one is made of parts.</summary>
/// <param name="Bytes">The most bytes of a package.</param>
/// <param name="IsSplit">Whether what is larger goes into part packages.</param>
public sealed record PackageLimit(long Bytes, bool IsSplit)
{
    /// <summary>What NuGet's public gallery takes at most, in bytes; larger packages are refused there after the whole upload.</summary>
    public const long OfGallery = 250_000_000;

    // Below it the files that describe a package are most of it.
    private const long Least = 100_000;
    private const string SizesThatAre = "250MB, of 100 KB at least";

    // For what describes the package, and for what Deflate adds to bytes that it cannot shorten: 5 in each block of 32 KiB or less, where zlib's worst case is 1 in 4,096.
    private const long RecordBytes = 64 << 10;
    private const long PackingShare = 256;

    /// <summary>No parts, and a warning over the gallery's limit.</summary>
    public static PackageLimit Default { get; } = new(OfGallery, false);

    /// <summary>The most bytes that a file of a port may have to fit into a package of its own; null where nothing is split.</summary>
    public long? LargestFile => IsSplit ? Payload : null;

    /// <summary>The most bytes of files in a package, whatever compression makes of them.</summary>
    public long Payload => Bytes - RecordBytes - Bytes / PackingShare;

    /// <summary>Reads ModelPortSplit and ModelPortMaxPackageSize: a size alone splits what is larger.</summary>
    /// <param name="properties">Settings of the build by name, without the prefix ModelPort.</param>
    /// <param name="file">The file that an error points at.</param>
    /// <exception cref="ModelPortException">MP1020: one of them is no such value.</exception>
    public static PackageLimit Parse(IReadOnlyDictionary<string, string> properties, string file) => Parse(new OptionValues(properties, "ModelPort", file));

    /// <inheritdoc cref="Parse(IReadOnlyDictionary{string, string}, string)"/>
    internal static PackageLimit Parse(OptionValues settings)
    {
        var bytes = settings.Size("MaxPackageSize", SizesThatAre);
        return bytes < Least
            ? throw settings.Invalid("MaxPackageSize", $"a size such as {SizesThatAre}")
            : new PackageLimit(bytes ?? OfGallery, settings["Split"] is null ? bytes is not null : settings.Switch("Split"));
    }
}
