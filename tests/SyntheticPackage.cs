using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace ModelPort;

/// <summary>A model package without a port behind it: weights that do not compress, a manifest with the numbers that a test says, and the list of hashes.</summary>
internal static class SyntheticPackage
{
    public const string Model = "tiny";

    /// <summary>Writes id.version.nupkg into a folder.</summary>
    public static string Write(string folder, string id, string version, int bytes = 20_000, double divergence = 0.01, bool isModel = true)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, $"{id}.{version}.nupkg");
        using var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        void Add(string name, byte[] content)
        {
            using var entry = archive.CreateEntry(name).Open();
            entry.Write(content);
        }

        Add($"{id}.nuspec", Text($"""
            <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata><id>{id}</id><version>{version}</version><authors>Acme</authors><description>Nouns.</description></metadata></package>
            """));
        if (isModel)
        {
            var weights = new byte[bytes];
            new Random(StringComparer.Ordinal.GetHashCode(version)).NextBytes(weights);
            Add($"models/{Model}/{Model}-Q8_0.gguf", weights);
            var manifest = Text(Manifest(weights, divergence));
            Add($"models/{Model}/modelport.json", manifest);
            Add($"models/{Model}/modelport.sha256", Text($"{Hash(manifest)}  modelport.json\n{Hash(weights)}  {Model}-Q8_0.gguf\n"));
        }
        else
        {
            Add("lib/net8.0/_._", []);
        }

        return path;
    }

    private static string Manifest(byte[] weights, double divergence) => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "schemaVersion": 3, "name": "{{Model}}", "toolVersion": "0.1.0",
          "engine": { "name": "llama.cpp", "version": "0.5.0", "commit": "0ad4a86" },
          "source": { "sha256": "{{new string('a', 64)}}", "architecture": "LlamaForCausalLM", "parameters": 1000, "precision": "BF16", "weightBytes": 2000, "license": "mit", "files": [] },
          "evaluation": { "name": "default", "sha256": "{{new string('b', 64)}}", "windowLength": 512, "positions": 4096 },
          "outputs": [
            {
              "precision": "Q8_0", "verdict": "kept", "files": [ { "name": "{{Model}}-Q8_0.gguf", "bytes": {{weights.Length}}, "sha256": "{{Hash(weights)}}" } ],
              "metrics": [
                { "name": "perplexityIncrease", "of": "port", "against": "source", "value": {{100 * divergence}}, "error": 0.0001, "unit": "%" },
                { "name": "meanDivergence", "of": "port", "against": "source", "value": {{divergence}}, "error": 0.0001, "unit": "nats" },
                { "name": "topTokenAgreement", "of": "port", "against": "source", "value": 97.5, "error": 0.1, "unit": "%" }
              ]
            }
          ]
        }
        """);

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
