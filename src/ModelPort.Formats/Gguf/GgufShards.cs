using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ModelPort.Formats.Gguf;

/// <summary>
/// A model in one GGUF file or in several, <c>name-00001-of-00003.gguf</c> and so on, read as if it were one. The first shard holds the metadata;
/// each states split.no, split.count and split.tensors.count (<see cref="GgufSplit"/>).
/// </summary>
public sealed partial class GgufShards : IDisposable
{
    private readonly Dictionary<string, (GgufFile File, GgufTensor Tensor)> byName = new(StringComparer.Ordinal);

    private GgufShards(ImmutableArray<GgufFile> files)
    {
        Files = files;
        Tensors = [.. files.SelectMany(file => file.Tensors)];
        Metadata = new GgufMetadata(files[0].Metadata);
        foreach (string key in files.Length > 1 ? [GgufSplit.NumberKey, GgufSplit.CountKey, GgufSplit.TensorsKey] : Array.Empty<string>())
        {
            Metadata.Remove(key);
        }

        foreach (GgufFile file in files)
        {
            foreach (GgufTensor tensor in file.Tensors)
            {
                if (!byName.TryAdd(tensor.Name, (file, tensor)))
                {
                    throw new InvalidModelFileException(
                        file.Path, FileFault.Duplicate, "a tensor that an earlier shard holds too", "each name once", tensor.Name);
                }
            }
        }
    }

    /// <summary>The files in the order of their numbers; one for a model that is not split.</summary>
    public ImmutableArray<GgufFile> Files { get; }

    /// <summary>The path of the first file, which llama.cpp is given.</summary>
    public string Path => Files[0].Path;

    /// <summary>Bytes of all files.</summary>
    public long FileLength => Files.Sum(file => file.FileLength);

    /// <summary>The metadata of the first file, without what says how the model is split: that of the model in one file.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>All tensors in the order of the shards and their directories.</summary>
    public ImmutableArray<GgufTensor> Tensors { get; }

    /// <summary>Opens a model, given any one of its files.</summary>
    /// <exception cref="InvalidModelFileException">A file is missing or broken, or the files contradict one another.</exception>
    public static GgufShards Open(string path)
    {
        ImmutableArray<GgufFile>.Builder files = ImmutableArray.CreateBuilder<GgufFile>();
        try
        {
            foreach (string shard in ShardPaths(path))
            {
                files.Add(GgufFile.Open(shard));
            }

            Check(files);
            return new GgufShards(files.ToImmutable());
        }
        catch
        {
            foreach (GgufFile file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>The tensor of this name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out GgufTensor? tensor)
    {
        bool found = byName.TryGetValue(name, out (GgufFile File, GgufTensor Tensor) place);
        tensor = place.Tensor;
        return found;
    }

    /// <summary>The file that holds a tensor.</summary>
    /// <exception cref="KeyNotFoundException">It is no tensor of this model.</exception>
    public GgufFile FileOf(GgufTensor tensor) => byName[tensor.Name].File;

    /// <summary>Fills <paramref name="destination"/> with bytes of a tensor. Safe to call from several threads at once.</summary>
    /// <param name="tensor">A tensor of this model.</param>
    /// <param name="byteOffset">First byte, counted from the start of the tensor.</param>
    /// <param name="destination">Where the bytes go; all of it is filled.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidModelFileException">The file became shorter, or the system cannot read it.</exception>
    public void Read(GgufTensor tensor, long byteOffset, Span<byte> destination) => FileOf(tensor).Read(tensor, byteOffset, destination);

    /// <summary>Closes all files.</summary>
    public void Dispose()
    {
        foreach (GgufFile file in Files)
        {
            file.Dispose();
        }
    }

    private static IEnumerable<string> ShardPaths(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Match match = ShardName().Match(System.IO.Path.GetFileName(path));
        if (!match.Success)
        {
            return [path];
        }

        int count = int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture);
        int number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
        if (number < 1 || number > count)
        {
            throw new InvalidModelFileException(
                path, FileFault.Inconsistent, $"shard {number} of {count} in the file name", "a number from 1 to the count");
        }

        string folder = System.IO.Path.GetDirectoryName(path) ?? "";
        string name = match.Groups["name"].Value;
        return Enumerable.Range(0, count).Select(i => System.IO.Path.Combine(folder, GgufSplit.FileName(name, i, count)));
    }

    private static void Check(ImmutableArray<GgufFile>.Builder files)
    {
        long tensors = files.Sum(file => (long)file.Tensors.Length);
        for (int i = 0; i < files.Count; i++)
        {
            // A file of its own may leave the keys out, a shard may not.
            Expect(files[i], GgufSplit.CountKey, files.Count, files.Count == 1 ? 1 : null);
            Expect(files[i], GgufSplit.NumberKey, i, files.Count == 1 ? 0 : null);
            Expect(files[i], GgufSplit.TensorsKey, tensors, files.Count == 1 ? tensors : null);
        }
    }

    private static void Expect(GgufFile file, string key, long expected, long? whenAbsent)
    {
        bool present = file.Metadata.TryGet(key, out GgufValue? value);
        if (present ? !value!.TryGetInt64(out long found) || found != expected : whenAbsent != expected)
        {
            // llama.cpp writes a split count of 0 or leaves it out where nothing is split.
            if (key == GgufSplit.CountKey && expected == 1 && present && value!.TryGetInt64(out long count) && count == 0)
            {
                return;
            }

            throw new InvalidModelFileException(
                file.Path, FileFault.Inconsistent, present ? $"{value}" : "nothing", $"{expected}, from the file names and directories", key);
        }
    }

    [GeneratedRegex(@"^(?<name>.+)-(?<number>[0-9]{5})-of-(?<count>[0-9]{5})\.gguf\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
