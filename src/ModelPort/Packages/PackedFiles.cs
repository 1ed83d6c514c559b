using System.IO.Compression;
using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>The files of a package, or of a folder that holds models: what can be verified and compared without being restored.</summary>
public sealed class PackedFiles : IDisposable
{
    // A folder that holds no models is not searched for them without end.
    private static readonly EnumerationOptions Below = new() { RecurseSubdirectories = true, MaxRecursionDepth = 6, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly ZipArchive? _archive;
    private readonly Dictionary<string, (long Length, Func<Stream> Open)> _files;

    private PackedFiles(string path, ZipArchive? archive, Dictionary<string, (long, Func<Stream>)> files)
    {
        Path = path;
        _archive = archive;
        _files = files;
    }

    /// <summary>The package or folder, as an absolute path.</summary>
    public string Path { get; }

    /// <summary>The names of all files, with forward slashes.</summary>
    public IReadOnlyCollection<string> Names => _files.Keys;

    /// <summary>Opens a package (.nupkg) or a folder: of a project, of an application, or of models.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="ModelPortException">MP5020: there is no such package or folder, or it is damaged.</exception>
    public static PackedFiles Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(path))
        {
            return new PackedFiles(path, null, Directory.EnumerateFiles(path, "*", Below).ToDictionary(
                f => System.IO.Path.GetRelativePath(path, f).Replace('\\', '/'),
                f => (new FileInfo(f).Length, (Func<Stream>)(() => new FileStream(f, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan))),
                StringComparer.Ordinal));
        }

        try
        {
            return Of(path, File.OpenRead(path), long.MaxValue);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ModelPortException(Diagnose.NoPackage(path, e.Message), e);
        }
    }

    /// <summary>A package that is read from a stream.</summary>
    /// <param name="path">What errors call it.</param>
    /// <param name="package">Its content; closed with the files, or when it is no package.</param>
    /// <param name="mostBytes">The largest file that is opened.</param>
    /// <exception cref="ModelPortException">MP5020: it is damaged.</exception>
    internal static PackedFiles Of(string path, Stream package, long mostBytes)
    {
        try
        {
            var archive = new ZipArchive(package, ZipArchiveMode.Read);
            // The name of an entry is what a packer wrote: twice the same is damage, not a choice.
            return new PackedFiles(path, archive, archive.Entries.Where(e => !e.FullName.EndsWith('/')).ToDictionary(e => Uri.UnescapeDataString(e.FullName), e => (e.Length, (Func<Stream>)(() => Open(e, mostBytes))), StringComparer.Ordinal));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException)
        {
            package.Dispose();
            throw new ModelPortException(Diagnose.NoPackage(path, e.Message), e);
        }
        catch
        {
            package.Dispose();
            throw;
        }
    }

    /// <summary>The files of a package that is being made.</summary>
    /// <param name="path">What errors call it.</param>
    /// <param name="entries">Its files.</param>
    public static PackedFiles Of(string path, IEnumerable<PackageEntry> entries) => new(path, null, entries.ToDictionary(
        e => e.PackagePath,
        e => (new FileInfo(e.Path).Length, (Func<Stream>)(() => File.OpenRead(e.Path))),
        StringComparer.Ordinal));

    /// <summary>Whether a file is there.</summary>
    public bool Has(string name) => _files.ContainsKey(name);

    /// <summary>The length of a file, decompressed.</summary>
    public long LengthOf(string name) => _files[name].Length;

    /// <summary>Opens a file for reading once.</summary>
    public Stream OpenFile(string name) => _files[name].Open();

    /// <summary>Where a file lies by itself: in the folder, or written out of the package.</summary>
    /// <param name="name">The file.</param>
    /// <param name="scratch">The folder that a file of a package is written to.</param>
    public string Locate(string name, string scratch)
    {
        if (_archive is null)
        {
            return Describe(name);
        }

        var path = System.IO.Path.Combine(scratch, System.IO.Path.GetFileName(name));
        using var stream = OpenFile(name);
        using var file = File.Create(path);
        stream.CopyTo(file);
        return path;
    }

    /// <summary>What a file is called in messages: its path, behind that of the package.</summary>
    public string Describe(string name) => System.IO.Path.Combine(Path, name.Replace('/', System.IO.Path.DirectorySeparatorChar));

    /// <inheritdoc/>
    public void Dispose() => _archive?.Dispose();

    private static Stream Open(ZipArchiveEntry entry, long mostBytes) =>
        entry.Length <= mostBytes ? entry.Open() : throw new InvalidDataException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"it has {entry.Length} bytes"));
}
