namespace ModelPort.Caching;

/// <summary>Where things lie in a store: objects and records as Bazel's caches have them, beside what only this machine needs.</summary>
/// <param name="Root">The store's folder.</param>
internal sealed record StoreLayout(string Root)
{
    private const string Objects = "cas";
    private const string Records = "ac";

    // Backup programs leave out a folder with such a file (https://bford.info/cachedir/).
    private const string TagName = "CACHEDIR.TAG";
    private const string Tag = "Signature: 8a477f597d28d172789f06886806bc55\n# ModelPort keeps here what can be made again. It may be deleted at any time.\n";

    /// <summary>The folder of what is not whole yet.</summary>
    public string Temporary => Path.Combine(Root, "tmp");

    /// <summary>The folder of locks.</summary>
    public string Locks => Path.Combine(Root, "locks");

    /// <summary>The folder of remembered hashes.</summary>
    public string Memos => Path.Combine(Root, "memo");

    /// <summary>The file of an object.</summary>
    public string Object(string sha256) => Path.Combine(Root, Objects, sha256[..2], sha256);

    /// <summary>The file of a record.</summary>
    public string Record(string key) => Path.Combine(Root, Records, key[..2], key);

    /// <summary>The file of a lock.</summary>
    public string Lock(string name) => Path.Combine(Locks, name);

    /// <summary>The files of all objects.</summary>
    public IEnumerable<FileInfo> AllObjects() => Files(Objects);

    /// <summary>The files of all records.</summary>
    public IEnumerable<FileInfo> AllRecords() => Files(Records);

    /// <summary>Makes the folders that are not there.</summary>
    public void Create()
    {
        foreach (var folder in new[] { Path.Combine(Root, Objects), Path.Combine(Root, Records), Memos, Locks, Temporary })
        {
            Directory.CreateDirectory(folder);
        }

        var tag = Path.Combine(Root, TagName);
        if (!File.Exists(tag))
        {
            File.WriteAllText(tag, Tag);
        }
    }

    private IEnumerable<FileInfo> Files(string kind)
    {
        var folder = new DirectoryInfo(Path.Combine(Root, kind));
        return folder.Exists ? folder.EnumerateDirectories().SelectMany(d => d.EnumerateFiles()).Where(f => StoreRecord.IsHash(f.Name)) : [];
    }
}
