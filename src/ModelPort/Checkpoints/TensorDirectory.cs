using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Checkpoints;

/// <summary>All tensors of a checkpoint, over one file or many shards, without their values.</summary>
public sealed class TensorDirectory : IDisposable
{
    private readonly SortedDictionary<string, SourceTensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private TensorDirectory()
    {
    }

    /// <summary>The open files, sorted by name.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>The tensors shard by shard and, inside a shard, in plain string order of their names: the order in which a converter meets them.</summary>
    public IEnumerable<SourceTensor> InConversionOrder =>
        _files.SelectMany(f => _tensors.Values.Where(t => t.File == f));

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Number of values in all tensors.</summary>
    public long ParameterCount => _tensors.Values.Sum(t => t.Tensor.ElementCount);

    /// <summary>Opens <c>model.safetensors.index.json</c> and its shards, or all <c>model*.safetensors</c>.</summary>
    /// <param name="folder">The checkpoint folder.</param>
    /// <exception cref="ModelPortException">MP1002: no weights or a missing shard; MP1006: the index and the shards disagree; MP1007: a tensor in two shards.</exception>
    /// <exception cref="ModelPort.Formats.InvalidModelFileException">A file is damaged.</exception>
    public static TensorDirectory Open(string folder)
    {
        var directory = new TensorDirectory();
        try
        {
            var indexPath = Path.Combine(folder, "model.safetensors.index.json");
            if (File.Exists(indexPath))
            {
                directory.OpenIndexed(folder, indexPath);
            }
            else
            {
                directory.OpenAll(folder);
            }

            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that name, or null.</summary>
    public SourceTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(f => f.Dispose());

    private void OpenIndexed(string folder, string indexPath)
    {
        var index = SafetensorsIndex.Open(indexPath);
        foreach (var shard in index.Shards)
        {
            var path = Path.Combine(folder, shard);
            if (!File.Exists(path))
            {
                throw new ModelPortException(Diagnose.FileMissing(path, $"the shard that {Path.GetFileName(indexPath)} names"));
            }

            Add(path);
        }

        foreach (var (name, shard) in index.WeightMap)
        {
            var holder = Find(name)?.File.Path;
            if (holder is null || Path.GetFileName(holder) != Path.GetFileName(shard))
            {
                throw new ModelPortException(Diagnose.Inconsistent(
                    indexPath,
                    $"tensor '{name}' is said to be in {shard} but {(holder is null ? "no shard holds it" : "is in " + Path.GetFileName(holder))}",
                    "every tensor of the index in the shard it names"));
            }
        }

        var extra = _tensors.Keys.FirstOrDefault(name => !index.WeightMap.ContainsKey(name));
        if (extra is not null)
        {
            throw new ModelPortException(Diagnose.Inconsistent(indexPath, $"tensor '{extra}' is in {Path.GetFileName(Find(extra)!.File.Path)} but not in the index", "the index to name every tensor"));
        }
    }

    private void OpenAll(string folder)
    {
        var paths = Directory.GetFiles(folder, "model*.safetensors");
        if (paths.Length == 0)
        {
            throw new ModelPortException(Diagnose.FileMissing(Path.Combine(folder, "model.safetensors"), "the weights as model.safetensors, or shards with model.safetensors.index.json"));
        }

        Array.Sort(paths, StringComparer.Ordinal);
        foreach (var path in paths)
        {
            Add(path);
        }
    }

    private void Add(string path)
    {
        var file = SafetensorsFile.Open(path);
        _files.Add(file);
        foreach (var tensor in file.Tensors)
        {
            if (!_tensors.TryAdd(tensor.Name, new SourceTensor(file, tensor)))
            {
                throw new ModelPortException(Diagnose.Duplicate(path, $"tensor '{tensor.Name}' is also in {Path.GetFileName(_tensors[tensor.Name].File.Path)}", "each tensor in one shard"));
            }
        }
    }
}
