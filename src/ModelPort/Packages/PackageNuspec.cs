using System.Xml;
using System.Xml.Linq;
using ModelPort.Diagnostics;
using NuGet.Packaging;
using NuGet.Versioning;

namespace ModelPort.Packages;

/// <summary>What the nuspec of a package says of it.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Version">Its version.</param>
/// <param name="Parts">The packages that hold its models' files, by identity, in the version that it depends on; none where it holds them itself.</param>
internal sealed record PackageNuspec(string Id, string Version, IReadOnlyList<(string Id, string Version)> Parts)
{
    /// <summary>Reads the nuspec among the files of a package; null where there is none, as in a folder that is no package.</summary>
    /// <param name="names">The names of the files.</param>
    /// <param name="open">Opens one.</param>
    /// <param name="describe">What one is called.</param>
    /// <exception cref="ModelPortException">MP5022: it cannot be read.</exception>
    public static PackageNuspec? Find(IEnumerable<string> names, Func<string, Stream> open, Func<string, string> describe)
    {
        if (names.Where(n => !n.Contains('/') && n.EndsWith(".nuspec", StringComparison.OrdinalIgnoreCase)).ToArray() is not [var name])
        {
            return null;
        }

        try
        {
            using var stream = open(name);
            return Read(XDocument.Load(stream));
        }
        catch (Exception e) when (e is XmlException or InvalidOperationException or InvalidDataException)
        {
            throw new ModelPortException(Diagnose.RecordsDisagree(describe(name), $"it is no nuspec ({e.Message})"), e);
        }
    }

    private static PackageNuspec Read(XDocument nuspec)
    {
        var metadata = nuspec.Root!.Elements().First(e => e.Name.LocalName == "metadata");
        string Value(string name) => metadata.Elements().First(e => e.Name.LocalName == name).Value.Trim();
        var (id, version) = (Value("id"), Value("version"));
        return new PackageNuspec(
            id,
            version,
            [
                .. metadata.Descendants().Where(e => e.Name.LocalName == "dependency")
                    .Select(e => (Id: (string?)e.Attribute("id") ?? "", Version: ((string?)e.Attribute("version") ?? "").Trim('[', ']')))
                    .Where(d => PackageParts.IsPart(d.Id, id))
                    .Select(d => IsName(d.Id, d.Version) ? d : throw new InvalidOperationException($"'{d.Id} {d.Version}' is no package"))
                    .Distinct(),
            ]);
    }

    // They become names of files and folders.
    private static bool IsName(string id, string version) => PackageIdValidator.IsValidPackageId(id) && NuGetVersion.TryParse(version, out _);
}
