using System.IO.Compression;
using ModelPort.Caching;
using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>The files of a package, with those of its parts, or of a folder that holds models: what can be verified and compared without being restored.</summary>
public sealed class PackedFiles : IDisposable
{
    // A folder that holds no models is not searched for them without end.
    private static readonly EnumerationOptions EveryFile = new() { RecurseSubdirectories = true, MaxRecursionDepth = 6, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly List<IDisposable> _open = [];
    private readonly Dictionary<string, Entry> _files;
    private readonly List<Diagnostic> _problems = [];

    private PackedFiles(string path, Dictionary<string, Entry> files)
    {
        Path = path;
        _files = files;
    }

    /// <summary>The package or folder, as an absolute path.</summary>
    public string Path { get; }

    /// <summary>The names of all files, with forward slashes.</summary>
    public IReadOnlyCollection<string> Names => _files.Keys;

    /// <summary>What is wrong with its parts: MP5020, MP5022, MP5025 or MP5026. Their files are not among the files.</summary>
    public IReadOnlyList<Diagnostic> Problems => _problems;

    /// <summary>Opens a package (.nupkg) or a folder: of a package that was restored, of a project, of an application, or of models. Parts of a package are opened with it.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="ModelPortException">MP5020: there is no such package or folder, or it is damaged; MP5022: its nuspec is.</exception>
    public static PackedFiles Open(string path)
    {
        var files = OpenAlone(path);
        try
        {
            var places = new PackagePlaces(files.Path);
            foreach (var (id, version) in files.Parts)
            {
                files.Add(id, version, () => OpenAlone(places.Find(id, version)));
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>A package that is read from a stream, without its parts.</summary>
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
            var files = new PackedFiles(path, archive.Entries.Where(e => !e.FullName.EndsWith('/')).Select(e => (Name: Uri.UnescapeDataString(e.FullName), Entry: e)).ToDictionary(
                e => e.Name,
                e => new Entry(Below(path, e.Name), e.Entry.Length, () => Open(e.Entry, mostBytes), null),
                StringComparer.Ordinal));
            files._open.Add(archive);
            return files;
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
    public static PackedFiles Of(string path, IEnumerable<PackageEntry> entries) => new(path, entries.ToDictionary(
        e => e.PackagePath,
        e => new Entry(Below(path, e.PackagePath), new FileInfo(e.Path).Length, () => File.OpenRead(e.Path), null),
        StringComparer.Ordinal));

    /// <summary>Whether a file is there.</summary>
    public bool Has(string name) => _files.ContainsKey(name);

    /// <summary>The length of a file, decompressed.</summary>
    public long LengthOf(string name) => _files[name].Length;

    /// <summary>Opens a file for reading once.</summary>
    public Stream OpenFile(string name) => _files[name].Open();

    /// <summary>Where a file lies by itself, and beside the others of its model: in the folder, or in one that it is brought to.</summary>
    /// <param name="name">The file.</param>
    /// <param name="scratch">The folder that files of packages and parts are brought to.</param>
    public string Locate(string name, string scratch)
    {
        var entry = _files[name];
        if (entry.Path is not null && !entry.IsOfPart)
        {
            return entry.Path;
        }

        var path = System.IO.Path.Combine(scratch, System.IO.Path.GetFileName(name));
        if (entry.Path is not null)
        {
            FileTransfer.Make(entry.Path, path);
            return path;
        }

        using var stream = OpenFile(name);
        using var file = File.Create(path);
        stream.CopyTo(file);
        return path;
    }

    /// <summary>What a file is called in messages: its path, behind that of the package or part.</summary>
    public string Describe(string name) => _files.TryGetValue(name, out var entry) ? entry.Description : Below(Path, name);

    /// <summary>The parts that hold the files of its models, by its nuspec, in the version that it depends on; none where it holds them itself.</summary>
    /// <exception cref="ModelPortException">MP5022: the nuspec is damaged.</exception>
    internal IReadOnlyList<(string Id, string Version)> Parts => PackageNuspec.Find(Names, OpenFile, Describe)?.Parts ?? [];

    /// <summary>Adds the files of a part. Only models and its own build file count: readme and nuspec are of each package.</summary>
    /// <param name="id">Its identity.</param>
    /// <param name="version">Its version.</param>
    /// <param name="open">Opens it; that it cannot is a problem of these files.</param>
    internal void Add(string id, string version, Func<PackedFiles> open)
    {
        try
        {
            var part = open();
            _open.Add(part);
            var nuspec = PackageNuspec.Find(part.Names, part.OpenFile, part.Describe);
            if (nuspec is null || !nuspec.Id.Equals(id, StringComparison.OrdinalIgnoreCase) || nuspec.Version.Split('+')[0] != version)
            {
                throw new ModelPortException(Diagnose.PartOther(part.Path, id, version, nuspec is null ? "no package" : $"{nuspec.Id} {nuspec.Version}"));
            }

            foreach (var (name, entry) in part._files.Where(f => f.Key.StartsWith("models/", StringComparison.Ordinal) || f.Key.Equals($"buildTransitive/{id}.targets", StringComparison.OrdinalIgnoreCase)))
            {
                if (!_files.TryAdd(name, entry with { IsOfPart = true }))
                {
                    _problems.Add(Diagnose.RecordsDisagree(entry.Description, $"it is in '{_files[name].Description}' too"));
                }
            }
        }
        catch (ModelPortException e)
        {
            _problems.Add(e.Diagnostic);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _open.ForEach(o => o.Dispose());

    private static PackedFiles OpenAlone(string path)
    {
        path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (Directory.Exists(path))
        {
            return new PackedFiles(path, Directory.EnumerateFiles(path, "*", EveryFile).ToDictionary(
                f => System.IO.Path.GetRelativePath(path, f).Replace('\\', '/'),
                f => new Entry(f, new FileInfo(f).Length, () => new FileStream(f, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan), f),
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

    private static string Below(string path, string name) => System.IO.Path.Combine(path, name.Replace('/', System.IO.Path.DirectorySeparatorChar));

    private static Stream Open(ZipArchiveEntry entry, long mostBytes) =>
        entry.Length <= mostBytes ? entry.Open() : throw new InvalidDataException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"it has {entry.Length} bytes"));

    /// <summary>A file.</summary>
    /// <param name="Description">What it is called in messages.</param>
    /// <param name="Length">Its length, decompressed.</param>
    /// <param name="Open">Opens it for reading.</param>
    /// <param name="Path">Where it lies by itself; null inside a package.</param>
    private sealed record Entry(string Description, long Length, Func<Stream> Open, string? Path)
    {
        public bool IsOfPart { get; init; }
    }
}
