using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>A model that is larger than a package may be: packed into parts, restored by one reference, built, run, verified, and missed where a part is missing.</summary>
public sealed class ModelPartsTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    private const string Id = "Acme.Parts";
    private const string Epoch = "-p:SOURCE_DATE_EPOCH=1700000000";

    private const long Limit = 1_000_000;

    private const string Program = """
        var file = ModelPort.Runtime.PortedModels.Get("wordnet-llama").File();
        Console.WriteLine($"{file.VerifiedPath() == Models.WordnetLlama.Path} {file.Parts.Count} {Models.WordnetLlama.Bytes == file.Bytes}");
        """;

    [Fact]
    public void A_model_over_the_limit_travels_in_parts_under_a_package_that_depends_on_each_exactly()
    {
        TestProject project = Model("Q8_0", "<ModelPortMaxPackageSize>1MB</ModelPortMaxPackageSize><PackageLicenseFile>terms.txt</PackageLicenseFile>");
        File.WriteAllText(Path.Combine(project.Directory, "terms.txt"), "Terms.");
        project.SetItems(project.Items + """<None Include="terms.txt" Pack="true" PackagePath="/" /><None Include="Program.cs" Pack="true" PackagePath="extra/" />""");
        string folder = Path.Combine(repository.Root, "parts");
        BuildResult packed = _release.Pack(project, "1.0.0+build.1", folder, Epoch).Succeeded();
        Assert.Empty(packed.Warnings);
        string[] files = TestProject.FilesIn(folder);
        int parts = files.Length - 1;
        Assert.True(parts >= 5, string.Join('\n', files));
        Assert.Equal(Enumerable.Range(1, parts).Select(i => $"{Id}.Part{i}.1.0.0.nupkg").Append($"{Id}.1.0.0.nupkg").Order(StringComparer.Ordinal), files);
        Assert.All(files, file => Assert.InRange(new FileInfo(Path.Combine(folder, file)).Length, 1, Limit));

        XElement nuspec = Nuspec(Path.Combine(folder, $"{Id}.1.0.0.nupkg"));
        Assert.Equal("Costs $5 and $6 <each>.", Value(nuspec, "description"));
        Assert.Equal(Enumerable.Range(1, parts).Select(i => ($"{Id}.Part{i}", "[1.0.0]")), Dependencies(nuspec));
        string[] records = Names(Path.Combine(folder, $"{Id}.1.0.0.nupkg"));
        Assert.Contains("models/wordnet-llama/modelport.json", records);
        Assert.Contains("extra/Program.cs", records);
        Assert.DoesNotContain(records, name => name.EndsWith(".gguf", StringComparison.Ordinal));
        using (ZipArchive package = ZipFile.OpenRead(Path.Combine(folder, $"{Id}.1.0.0.nupkg")))
        using (JsonDocument bom = JsonDocument.Parse(package.GetEntry("models/wordnet-llama/bom.cdx.json")!.Open()))
        {
            Assert.Equal(parts, bom.RootElement.GetProperty("components")[0].GetProperty("components").GetArrayLength());
        }

        for (int i = 1; i <= parts; i++)
        {
            string part = Path.Combine(folder, $"{Id}.Part{i}.1.0.0.nupkg");
            Assert.Empty(Dependencies(Nuspec(part)));
            Assert.Equal("Acme", Value(Nuspec(part), "authors"));
            Assert.Equal(
                ["README.md", $"buildTransitive/{Id}.Part{i}.targets", "buildTransitive/ModelPort.Models.targets", "terms.txt"],
                Names(part).Where(name => !name.EndsWith(".gguf", StringComparison.Ordinal) && !name.EndsWith(".nuspec", StringComparison.Ordinal)));
        }

        // The same bytes again; and what is up to date is not packed again.
        string second = Path.Combine(repository.Root, "parts-again");
        _release.Pack(project, "1.0.0+build.1", second, "--no-build", Epoch).Succeeded();
        Assert.All(files, file => Assert.Equal(Hash(Path.Combine(folder, file)), Hash(Path.Combine(second, file))));
        var times = files.Select(file => File.GetLastWriteTimeUtc(Path.Combine(second, file))).ToArray();
        _release.Pack(project, "1.0.0+build.1", second, "--no-build", Epoch).Succeeded();
        Assert.Equal(times, files.Select(file => File.GetLastWriteTimeUtc(Path.Combine(second, file))));

        Consumed(folder, parts);
        Verified(second, files);
    }

    [Fact]
    public void Packages_of_one_precision_have_parts_of_their_own_also_when_a_build_makes_them_and_one_that_is_not_split_is_warned_of()
    {
        TestProject project = Model("Q8_0;Q4_0", "<ModelPortMaxPackageSize>2MB</ModelPortMaxPackageSize><ModelPortPackageLayout>precision</ModelPortPackageLayout><GeneratePackageOnBuild>true</GeneratePackageOnBuild><Version>1.0.0</Version>");
        project.Build().Succeeded();
        string folder = Path.Combine(project.Directory, "bin", "Debug");
        Assert.Equal(
            [.. new[] { "Q4_0", "Q4_0.Part1", "Q4_0.Part2", "Q8_0", "Q8_0.Part1", "Q8_0.Part2", "Q8_0.Part3" }.Select(name => $"{Id}.{name}.1.0.0.nupkg")],
            Directory.GetFiles(folder, "*.nupkg").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([($"{Id}.Q4_0.Part1", "[1.0.0]"), ($"{Id}.Q4_0.Part2", "[1.0.0]")], Dependencies(Nuspec(Path.Combine(folder, $"{Id}.Q4_0.1.0.0.nupkg"))));
        _release.Tool("verify", Path.Combine(folder, $"{Id}.Q8_0.1.0.0.nupkg")).Succeeded();

        // A limit alone splits; where that is not wanted, the package is measured and the switch named.
        BuildResult whole = _release.Pack(project, "1.0.0", Path.Combine(repository.Root, "unsplit"), "-p:ModelPortSplit=false", "-p:ModelPortPackageLayout=single", "-p:GeneratePackageOnBuild=false").Succeeded();
        Warning large = Assert.Single(whole.Warnings);
        Assert.Equal("MP4005", large.Code);
        Assert.Contains("ModelPortSplit=true", large.Text, StringComparison.Ordinal);
        Assert.Contains(new FileInfo(Path.Combine(repository.Root, "unsplit", $"{Id}.1.0.0.nupkg")).Length.ToString(System.Globalization.CultureInfo.InvariantCulture), large.Text, StringComparison.Ordinal);
    }

    // One reference brings all parts into one folder, where llama.cpp finds them.
    private void Consumed(string folder, int parts)
    {
        _release.PackRuntime();
        foreach (string package in Directory.GetFiles(folder))
        {
            File.Copy(package, Path.Combine(repository.Feed, Path.GetFileName(package)), overwrite: true);
        }

        TestProject application = _release.Application("", Program, references: Reference());
        application.Build().Succeeded();
        string models = Path.Combine(application.Bin, "models", "wordnet-llama");
        string[] shards = [.. Directory.GetFiles(models, "*.gguf").Order(StringComparer.Ordinal)];
        Assert.True(shards.Length >= parts, string.Join('\n', shards));
        Assert.Equal($"True {shards.Length} True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());
        Assert.Contains("38 tensors", _release.Tool("inspect", shards[^1]).Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("perplexity", _release.Tool("validate", shards[0], "--source", PackedRepository.SampleCheckpoint, "--evaluation-tokens", "512", "--continuations", "0", "--threads", "1").Succeeded().Output, StringComparison.Ordinal);
        _release.Tool("verify", Path.Combine(repository.Packages, "acme.parts", "1.0.0")).Succeeded();

        // A part whose build files do not come, and one whose file is gone.
        ModelRelease.Reference(application, "", references: Reference() + $"""<PackageReference Include="{Id}.Part2" Version="[1.0.0]" ExcludeAssets="all" />""");
        Error unreached = application.Build().Failed();
        Assert.Equal("MP5003", unreached.Code);
        Assert.Contains($"{Id}.Part2 1.0.0", unreached.Text, StringComparison.Ordinal);
        ModelRelease.Reference(application, "", references: Reference());
        string shard = Directory.GetFiles(Path.Combine(repository.Packages, "acme.parts.part3", "1.0.0", "models", "wordnet-llama")).Single();
        File.Move(shard, shard + ".gone");
        Error gone = application.Build().Failed();
        Assert.Equal(("MP5003", shard), (gone.Code, Path.GetFullPath(gone.File)));
        File.Move(shard + ".gone", shard);
        application.Build().Succeeded();
    }

    private void Verified(string folder, string[] files)
    {
        string package = Path.Combine(folder, $"{Id}.1.0.0.nupkg");
        string second = Path.Combine(folder, $"{Id}.Part2.1.0.0.nupkg");
        byte[] whole = File.ReadAllBytes(second);
        Assert.Contains("wordnet-llama (models/wordnet-llama): ", _release.Tool("verify", package).Succeeded().Output, StringComparison.Ordinal);

        File.Delete(second);
        Assert.Contains($"MP5025: '{Id}.1.0.0.nupkg' depends on its part {Id}.Part2 1.0.0", Failed(), StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(folder, $"{Id}.Part2.1.0.1.nupkg"), whole);
        Assert.Contains($"found '{Path.Combine(folder, $"{Id}.Part2.1.0.1.nupkg")}'", Failed(), StringComparison.Ordinal);
        File.Delete(Path.Combine(folder, $"{Id}.Part2.1.0.1.nupkg"));
        File.Copy(Path.Combine(folder, $"{Id}.Part1.1.0.0.nupkg"), second);
        Assert.Contains($"{Path.GetFileName(second)}: error MP5026: ", Failed(), StringComparison.Ordinal);

        File.WriteAllBytes(second, whole);
        using (ZipArchive archive = ZipFile.Open(second, ZipArchiveMode.Update))
        {
            ZipArchiveEntry entry = archive.Entries.Single(e => e.Name.EndsWith(".gguf", StringComparison.Ordinal));
            using Stream stream = entry.Open();
            stream.Position = stream.Length / 2;
            int value = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(value ^ 1));
        }

        Assert.Contains($"{Path.GetFileName(second)}/models/wordnet-llama/", Failed().Replace('\\', '/'), StringComparison.Ordinal);
        Assert.Contains("MP5004", Failed(), StringComparison.Ordinal);

        // Compared is what the package itself says.
        Assert.NotEqual(1, _release.Tool("compare", _release.Package("1.0.0"), package).ExitCode);
        Assert.Equal(files, TestProject.FilesIn(folder));

        string Failed()
        {
            BuildResult result = _release.Tool("verify", package);
            Assert.True(result.ExitCode == 1, result.Output);
            return result.Output;
        }
    }

    private TestProject Model(string precision, string properties) =>
        _release.Model(precision, properties: $"<PackageId>{Id}</PackageId><Description>Costs $5 and $6 &lt;each&gt;.</Description><NoWarn>$(NoWarn);NU5128</NoWarn>{properties}");

    private static string Reference() => $"""<PackageReference Include="{Id}" Version="1.0.0" /><PackageReference Include="ModelPort.Runtime" Version="{PackedRepository.Version}" />""";

    private static XElement Nuspec(string path)
    {
        using ZipArchive package = ZipFile.OpenRead(path);
        using Stream stream = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
    }

    private static string Value(XElement nuspec, string name) => nuspec.Elements().Single(element => element.Name.LocalName == name).Value;

    private static IEnumerable<(string, string)> Dependencies(XElement nuspec) =>
        nuspec.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (element.Attribute("id")!.Value, element.Attribute("version")!.Value));

    private static string[] Names(string path)
    {
        using ZipArchive package = ZipFile.OpenRead(path);
        return [.. package.Entries.Select(entry => entry.FullName).Where(name => !name.StartsWith("_rels", StringComparison.Ordinal) && !name.StartsWith("package/", StringComparison.Ordinal) && name != "[Content_Types].xml").Order(StringComparer.Ordinal)];
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
