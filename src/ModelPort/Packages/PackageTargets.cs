using System.Globalization;
using System.Xml.Linq;
using ModelPort.Manifests;

namespace ModelPort.Packages;

/// <summary>
/// The MSBuild files of a model package: what puts its models beside an application and into what is published, and the numbers by which a build may refuse them. Nothing but
/// MSBuild is needed to use them; the targets themselves are in ModelPort.Models.targets, which every model package carries.
/// </summary>
internal static class PackageTargets
{
    /// <summary>The file with the targets that all model packages share.</summary>
    public const string SharedFile = "ModelPort.Models.targets";

    // buildTransitive/ lies beside models/ in the package, whose folder is named after its version. A property would be that of the last package.
    private const string Root = "$(MSBuildThisFileDirectory)../";
    private const string Version = "$([System.IO.Path]::GetFileName($([System.IO.Path]::GetFullPath('$(MSBuildThisFileDirectory)..'))))";

    /// <summary>The shared targets.</summary>
    public static string Shared
    {
        get
        {
            using var stream = typeof(PackageTargets).Assembly.GetManifestResourceStream(SharedFile)!;
            return new StreamReader(stream).ReadToEnd();
        }
    }

    /// <summary>The targets file of a package.</summary>
    /// <param name="package">Its identity.</param>
    /// <param name="models">Its models.</param>
    /// <param name="parts">The packages that hold the models' files; none where it holds them itself.</param>
    /// <param name="hasClass">Whether it has a class of them for applications.</param>
    public static string Of(string package, IReadOnlyList<PackedModel> models, IReadOnlyList<PackagePart> parts, bool hasClass) => Project(
        package,
        parts.Count == 0 ? models : models.Select(m => m with { Files = [.. m.Records] }),
        [
            new XElement("ItemGroup", models.SelectMany(m => m.Manifest.Outputs.Select(o => Model(package, m.Manifest, o)))),
            .. parts.Count == 0 ? [] : new[] { new XElement("ItemGroup", parts.SelectMany(p => p.Models.SelectMany(m => m.Files.Select(f => Part(p.Id, m.Manifest.Name, f))))) },
            .. hasClass ? new[] { Class(package) } : [],
        ]);

    /// <summary>The targets file of a part: its files come beside the application as those of any package.</summary>
    public static string OfPart(PackagePart part) => Project(part.Id, part.Models, []);

    private static string Project(string package, IEnumerable<PackedModel> models, IEnumerable<XElement> more)
    {
        var project = new XElement(
            "Project",
            new XElement("ItemGroup", models.SelectMany(m => m.Files.Select(f => File(package, m.Manifest.Name, f)))),
            new XElement(
                "ItemGroup",
                new XAttribute("Condition", "'$(EnableModelPort)' != 'false'"),
                new XElement(
                    "None",
                    new XAttribute("Include", $"@(ModelPortModelFile->WithMetadataValue('PackageId', '{Escape(package)}'))"),
                    new XAttribute("CopyToOutputDirectory", "PreserveNewest"),
                    new XAttribute("ExcludeFromSingleFile", "true"),
                    new XAttribute("Visible", "false"),
                    new XAttribute("Pack", "false"))),
            more,
            new XElement("Import", new XAttribute("Project", "$(MSBuildThisFileDirectory)" + SharedFile), new XAttribute("Condition", "'$(_ModelPortModelsTargets)' == ''")));
        return project.ToString().Replace("\r\n", "\n", StringComparison.Ordinal) + "\n";
    }

    // What has to come from another package; the shared targets miss it where that package does not reach the project.
    private static XElement Part(string part, string model, PackedFile file) => new(
        "ModelPortModelPart",
        new XAttribute("Include", $"models/{Escape(model)}/{Escape(file.Name)}"),
        new XElement("Package", $"{Escape(part)} {Version}"),
        new XElement("NamedBy", "$(MSBuildThisFileFullPath)"));

    private static XElement Class(string package) => new(
        "ItemGroup",
        new XAttribute("Condition", "'$(Language)' == 'C#' and '$(ModelPortModelsClass)' != 'false'"),
        new XElement("Compile", new XAttribute("Include", $"$(MSBuildThisFileDirectory){Escape(package)}.Models.cs"), new XAttribute("Visible", "false"), new XAttribute("Link", $"ModelPort/{Escape(package)}.Models.cs")),
        new XElement("Using", new XAttribute("Include", "ModelPort"), new XAttribute("Condition", "'$(ImplicitUsings)' == 'enable' or '$(ImplicitUsings)' == 'true'")));

    private static XElement Model(string package, Manifest manifest, OutputRecord output)
    {
        // MSBuild compares numbers only without exponents.
        static string Number(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);
        (string Name, string Value)[] metadata =
        [
            ("Package", $"{Escape(package)} {Version}"),
            ("Precision", Escape(output.Precision)),
            ("Architecture", Escape(manifest.Source.Architecture)),
            ("License", Escape(manifest.Source.License ?? "none named")),
            ("PolicyLicense", Escape((manifest.Source.License ?? "").ToLowerInvariant().Replace(" ", "", StringComparison.Ordinal))),
            ("Verdict", PackedFigures.VerdictOf(output)),
            ("Size", Number(output.Bytes / 1e6)),
            ("Manifest", $"{Root}models/{Escape(manifest.Name)}/{Manifest.FileName}"),
            .. PackedFigures.Of(output).Select(f => (f.Name, Number(f.Value))),
        ];
        return new XElement("ModelPortModel", new XAttribute("Include", Escape($"{manifest.Name} {output.Precision}")), metadata.Select(m => new XElement(m.Name, m.Value)));
    }

    private static XElement File(string package, string model, PackedFile file) => new(
        "ModelPortModelFile",
        new XAttribute("Include", $"{Root}models/{Escape(model)}/{Escape(file.Name)}"),
        new XElement("PackageId", Escape(package)),
        new XElement("Package", $"{Escape(package)} {Version}"),
        new XElement("Sha256", file.Sha256),
        new XElement("Bytes", file.Bytes),
        new XElement("Link", $"models/{Escape(model)}/{Escape(file.Name)}"));

    // The characters that mean something to MSBuild, as it writes them itself.
    private static string Escape(string text) =>
        string.Concat(text.Select(c => c is '%' or '*' or '?' or '@' or '$' or '(' or ')' or ';' or '\'' ? $"%{(int)c:X2}" : c.ToString()));
}
