using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>What dotnet pack makes of a project with ports, and what it refuses.</summary>
public sealed class ModelPackageTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    [Fact]
    public void A_package_holds_the_model_its_proof_and_what_puts_it_beside_an_application_and_depends_on_nothing()
    {
        using ZipArchive package = ZipFile.OpenRead(_release.Package("1.0.0"));
        string[] files = [.. package.Entries.Select(entry => entry.FullName).Where(name => !name.StartsWith("_rels", StringComparison.Ordinal) && !name.StartsWith("package/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Assert.Equal(
            [
                "Acme.Wordnet.nuspec",
                "README.md",
                "[Content_Types].xml",
                "buildTransitive/Acme.Wordnet.Models.cs",
                "buildTransitive/Acme.Wordnet.targets",
                "buildTransitive/ModelPort.Models.targets",
                "lib/net10.0/_._",
                "models/wordnet-llama/bom.cdx.json",
                "models/wordnet-llama/modelport.json",
                "models/wordnet-llama/modelport.sha256",
                "models/wordnet-llama/parity.html",
                "models/wordnet-llama/parity.json",
                "models/wordnet-llama/wordnet-llama-Q8_0.gguf",
            ],
            files);

        XElement metadata = XDocument.Parse(Text(package, "Acme.Wordnet.nuspec")).Root!.Elements().Single();
        string Value(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
        Assert.Equal("modelport llama.cpp LlamaForCausalLM Q8_0", Value("tags"));
        Assert.Equal("README.md", Value("readme"));
        Assert.DoesNotContain(metadata.Descendants(), element => element.Name.LocalName == "dependency");
    }

    [Fact]
    public void The_list_of_hashes_proves_every_file_of_the_model()
    {
        using ZipArchive package = ZipFile.OpenRead(_release.Package("1.0.0"));
        string[] lines = Text(package, "models/wordnet-llama/modelport.sha256").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.All(lines, line =>
        {
            using Stream stream = package.GetEntry("models/wordnet-llama/" + line[66..])!.Open();
            Assert.Equal(line[..64], Convert.ToHexStringLower(SHA256.HashData(stream)));
        });
    }

    [Fact]
    public void The_readme_and_the_bill_of_materials_have_the_measured_numbers()
    {
        using ZipArchive package = ZipFile.OpenRead(_release.Package("1.0.0"));
        using JsonDocument manifest = JsonDocument.Parse(Text(package, "models/wordnet-llama/modelport.json"));
        JsonElement output = manifest.RootElement.GetProperty("outputs")[0];
        double divergence = output.GetProperty("metrics").EnumerateArray().Single(m => m.GetProperty("name").GetString() == "meanDivergence").GetProperty("value").GetDouble();
        string readme = Text(package, "README.md");
        Assert.Contains("Nouns & <verbs>.", readme, StringComparison.Ordinal);
        Assert.Contains($"| Q8_0 | ", readme, StringComparison.Ordinal);
        Assert.Contains(divergence.ToString("0.000000", System.Globalization.CultureInfo.InvariantCulture), readme, StringComparison.Ordinal);
        Assert.Contains("Models.WordnetLlama.Path", readme, StringComparison.Ordinal);

        using JsonDocument bom = JsonDocument.Parse(Text(package, "models/wordnet-llama/bom.cdx.json"));
        JsonElement component = bom.RootElement.GetProperty("components")[0];
        Assert.Equal("machine-learning-model", component.GetProperty("type").GetString());
        Assert.Equal(output.GetProperty("files")[0].GetProperty("sha256").GetString(), component.GetProperty("hashes")[0].GetProperty("content").GetString());
        JsonElement metric = component.GetProperty("modelCard").GetProperty("quantitativeAnalysis").GetProperty("performanceMetrics").EnumerateArray().Single(m => m.GetProperty("type").GetString() == "meanDivergence");
        Assert.Equal(divergence, double.Parse(metric.GetProperty("value").GetString()!, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes_and_packing_again_ports_nothing()
    {
        string first = Path.Combine(repository.Root, "first");
        string second = Path.Combine(repository.Root, "second");
        TestProject project = _release.Project;
        BuildResult packed = _release.Pack(project, "1.1.0", first, "-p:SOURCE_DATE_EPOCH=1700000000").Succeeded();
        Assert.Equal(0, packed.Workers);
        Assert.Contains("Acme.Wordnet: not compared with an earlier release.", packed.Output, StringComparison.Ordinal);
        _release.Pack(project, "1.1.0", second, "--no-build", "-p:SOURCE_DATE_EPOCH=1700000000").Succeeded();
        Assert.Equal(Hash(Path.Combine(first, "Acme.Wordnet.1.1.0.nupkg")), Hash(Path.Combine(second, "Acme.Wordnet.1.1.0.nupkg")));
    }

    [Fact]
    public void What_was_never_measured_missed_its_budget_or_is_not_what_was_measured_is_refused()
    {
        TestProject project = _release.Model("Q4_K_M", "MaxMeanDivergence=\"0.001\"");
        Error never = _release.Pack(project, "2.0.0", null, "--no-build").Failed();
        Assert.Equal("MP4001", never.Code);
        Assert.Equal("MP4002", _release.Pack(project, "2.0.0", null, "-p:ModelPortParity=off").Failed().Code);

        Error missed = _release.Pack(project, "2.0.0", null, "-p:ModelPortParity=warn").Failed();
        Assert.Equal("MP4003", missed.Code);
        Assert.Contains("MaxMeanDivergence", missed.Text, StringComparison.Ordinal);
        Assert.Equal(Path.Combine(project.Obj, "wordnet-llama", "modelport.json"), missed.File);

        project.SetItems(project.Items.Replace("0.001", "1", StringComparison.Ordinal));
        project.Build().Succeeded();
        string file = Path.Combine(project.Obj, "wordnet-llama", "wordnet-llama-Q4_K_M.gguf");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.Delete(file);
        File.WriteAllBytes(file, bytes);
        Error stale = _release.Pack(project, "2.0.0", null, "--no-build").Failed();
        Assert.Equal(("MP4004", file), (stale.Code, stale.File));
        Assert.False(File.Exists(_release.Package("2.0.0")));
    }

    [Fact]
    public void A_library_for_several_frameworks_carries_a_model_and_keeps_its_own_readme_tags_and_licence()
    {
        TestProject project = _release.Model(
            "Q8_0",
            properties: "<TargetFramework></TargetFramework><TargetFrameworks>net10.0;netstandard2.0</TargetFrameworks><PackageId>Acme.Library</PackageId><IncludeBuildOutput>true</IncludeBuildOutput><EnableDefaultCompileItems>true</EnableDefaultCompileItems>"
                + "<PackageReadmeFile>README.md</PackageReadmeFile><PackageTags>nouns</PackageTags><PackageLicenseExpression>MIT</PackageLicenseExpression>");
        File.WriteAllText(Path.Combine(project.Directory, "Program.cs"), "namespace Acme { public class Nouns { } }");
        File.WriteAllText(Path.Combine(project.Directory, "README.md"), "# Nouns");
        project.SetItems(project.Items + "<None Include=\"README.md\" Pack=\"true\" PackagePath=\"/\" />");
        _release.Pack(project, "1.0.0").Succeeded();
        using ZipArchive package = ZipFile.OpenRead(Path.Combine(repository.Feed, "Acme.Library.1.0.0.nupkg"));
        Assert.Equal("# Nouns", Text(package, "README.md"));
        Assert.Contains("Q8_0", Text(package, "models/README.md"), StringComparison.Ordinal);
        Assert.NotNull(package.GetEntry("lib/netstandard2.0/App.dll"));
        Assert.NotNull(package.GetEntry("lib/net10.0/App.dll"));
        Assert.NotNull(package.GetEntry("models/wordnet-llama/wordnet-llama-Q8_0.gguf"));
        string nuspec = Text(package, "Acme.Library.nuspec");
        Assert.Contains("<tags>nouns modelport llama.cpp LlamaForCausalLM Q8_0</tags>", nuspec, StringComparison.Ordinal);
        Assert.Contains("<license type=\"expression\">MIT</license>", nuspec, StringComparison.Ordinal);
    }

    [Fact]
    public void A_package_for_each_precision_holds_that_precision_alone()
    {
        TestProject project = _release.Model("Q8_0;Q4_K_M", properties: "<ModelPortPackageLayout>precision</ModelPortPackageLayout>");
        string output = Path.Combine(repository.Root, "divided");
        _release.Pack(project, "1.0.0", output).Succeeded();
        Assert.Equal(["Acme.Wordnet.Q4_K_M.1.0.0.nupkg", "Acme.Wordnet.Q8_0.1.0.0.nupkg"], TestProject.FilesIn(output));
        using ZipArchive package = ZipFile.OpenRead(Path.Combine(output, "Acme.Wordnet.Q4_K_M.1.0.0.nupkg"));
        Assert.Equal(["wordnet-llama-Q4_K_M.gguf"], package.Entries.Select(e => e.Name).Where(n => n.EndsWith(".gguf", StringComparison.Ordinal)));
        using JsonDocument manifest = JsonDocument.Parse(Text(package, "models/wordnet-llama/modelport.json"));
        Assert.Equal(1, manifest.RootElement.GetProperty("outputs").GetArrayLength());
        Assert.DoesNotContain("Q8_0", Text(package, "models/wordnet-llama/parity.html"), StringComparison.Ordinal);
        _release.Tool("verify", Path.Combine(output, "Acme.Wordnet.Q4_K_M.1.0.0.nupkg")).Succeeded();
        Assert.Equal("MP4007", _release.Pack(project, "1.0.0", output, "--no-build", "-p:ModelPortPackageLayout=each").Failed().Code);
    }

    [Fact]
    public void Verify_proves_packages_and_folders_and_finds_every_kind_of_change()
    {
        string package = _release.Package("1.0.0");
        Assert.Contains("wordnet-llama (models/wordnet-llama): 6 files", _release.Tool("verify", package).Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("as packed", _release.Tool("verify", _release.Project.Directory).Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("as packed", _release.Tool("verify", _release.Project.ProjectFile).Succeeded().Output, StringComparison.Ordinal);

        const string Folder = "models/wordnet-llama/";
        Changed("MP5004", Folder + "wordnet-llama-Q8_0.gguf", bytes => bytes[bytes.Length / 3] ^= 1);
        Changed("MP5004", Folder + "modelport.json", bytes => bytes.AsSpan().Replace((byte)'7', (byte)'8'));
        Changed("MP5004", Folder + "parity.html", bytes => bytes[^20] ^= 1);
        Changed("MP5004", Folder + "modelport.sha256", bytes => bytes[0] = bytes[0] == '0' ? (byte)'1' : (byte)'0');
        Changed("MP5002", Folder + "modelport.json", bytes => bytes[0] = (byte)'[');
        Changed("MP5003", Folder + "wordnet-llama-Q8_0.gguf", null);
        Changed("MP5003", Folder + "modelport.sha256", null);
        Assert.Contains("MP5021", Failed(repository.Package).Output, StringComparison.Ordinal);
        Assert.Contains("MP5020", Failed(Path.Combine(repository.Root, "nowhere.nupkg")).Output, StringComparison.Ordinal);

        void Changed(string code, string file, Action<byte[]>? change)
        {
            string copy = Path.Combine(repository.Root, "changed.nupkg");
            File.Copy(package, copy, overwrite: true);
            using (ZipArchive archive = ZipFile.Open(copy, ZipArchiveMode.Update))
            {
                ZipArchiveEntry entry = archive.GetEntry(file)!;
                using MemoryStream content = new();
                using (Stream stream = entry.Open())
                {
                    stream.CopyTo(content);
                }

                entry.Delete();
                if (change is not null)
                {
                    byte[] bytes = content.ToArray();
                    change(bytes);
                    using Stream stream = archive.CreateEntry(file).Open();
                    stream.Write(bytes);
                }
            }

            string output = Failed(copy).Output;
            Assert.Contains($"{Path.GetFileName(file)}: error {code}: ", output.Replace('\\', '/'), StringComparison.Ordinal);
            Assert.DoesNotContain("as packed\n", output, StringComparison.Ordinal);
        }

        BuildResult Failed(string path)
        {
            BuildResult result = _release.Tool("verify", path);
            Assert.True(result.ExitCode == 1, result.Output);
            return result;
        }
    }

    private static string Text(ZipArchive package, string name)
    {
        using StreamReader reader = new(package.GetEntry(name)!.Open());
        return reader.ReadToEnd();
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
