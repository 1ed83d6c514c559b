using System.Security.Cryptography;
using System.Text;
using ModelPort.Diagnostics;
using ModelPort.Porting;

namespace ModelPort.Packages;

/// <summary>Collects the files of one package: those that are there, and those that are written for it.</summary>
/// <param name="package">Its identity.</param>
/// <param name="staging">The folder for what is written.</param>
internal sealed class PackageFiles(string package, string staging)
{
    private readonly List<PackageEntry> _entries = [];

    /// <summary>The files.</summary>
    public IReadOnlyList<PackageEntry> Entries => _entries;

    /// <summary>Adds files of models.</summary>
    public void Add(IEnumerable<PackedModel> models) =>
        _entries.AddRange(models.SelectMany(m => m.Files.Select(f => new PackageEntry(f.Path, $"models/{m.Manifest.Name}/{f.Name}", package, f.Sha256))));

    /// <summary>Writes a file and adds it.</summary>
    /// <param name="packagePath">Its place in the package.</param>
    /// <param name="content">Its text.</param>
    /// <returns>Where it lies.</returns>
    /// <exception cref="ModelPortException">MP2001 or MP2002: it cannot be written.</exception>
    public string Write(string packagePath, string content)
    {
        var path = Path.Combine(staging, packagePath);
        WriteDifferent(path, content);
        _entries.Add(new PackageEntry(path, packagePath, package, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))));
        return path;
    }

    /// <summary>Writes a file unless it says the same: it then keeps its time, and packing again finds nothing new.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002: it cannot be written.</exception>
    public static void WriteDifferent(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        OutputFile.Update(path, Encoding.UTF8.GetBytes(content));
    }
}
