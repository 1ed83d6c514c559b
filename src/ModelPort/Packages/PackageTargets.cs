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

    // buildTransitive/ lies beside models/ in the package.
    private const string Root = "$(MSBuildThisFileDirectory)../";

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
    /// <param name="hasClass">Whether it has a class of them for applications.</param>
    public static string Of(string package, IReadOnlyList<PackedModel> models, bool hasClass)
    {
        var version = new XElement("_ModelPortPackageVersion", $"$([System.IO.Path]::GetFileName($([System.IO.Path]::GetFullPath('$(MSBuildThisFileDirectory)..'))))");
        var project = new XElement(
            "Project",
            new XElement("PropertyGroup", version),
            new XElement("ItemGroup", models.SelectMany(m => m.Manifest.Outputs.Select(o => Model(package, m.Manifest, o)))),
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
            hasClass ? Class(package) : null,
            new XElement("Import", new XAttribute("Project", "$(MSBuildThisFileDirectory)" + SharedFile), new XAttribute("Condition", "'$(_ModelPortModelsTargets)' == ''")));
        return project.ToString().Replace("\r\n", "\n", StringComparison.Ordinal) + "\n";
    }

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
            ("Package", $"{Escape(package)} $(_ModelPortPackageVersion)"),
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
        new XElement("Package", $"{Escape(package)} $(_ModelPortPackageVersion)"),
        new XElement("Sha256", file.Sha256),
        new XElement("Bytes", file.Bytes),
        new XElement("Link", $"models/{Escape(model)}/{Escape(file.Name)}"));

    // The characters that mean something to MSBuild, as it writes them itself.
    private static string Escape(string text) =>
        string.Concat(text.Select(c => c is '%' or '*' or '?' or '@' or '$' or '(' or ')' or ';' or '\'' ? $"%{(int)c:X2}" : c.ToString()));
}
