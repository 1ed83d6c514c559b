using System.Collections.Immutable;
using System.Globalization;

namespace ModelPort.Formats.Onnx;

/// <summary>
/// The complete plan of a model's file, and of the files of its external data if it has some, before any exists: all lengths, and what goes where.
/// Weights are streamed while they are written. Tensors of the same stored bytes share them in an external file.
/// </summary>
public sealed class OnnxLayout
{
    /// <summary>External data of a tensor begins at a multiple of this, so that a runtime can map it into memory.</summary>
    public const int Alignment = 4096;

    private readonly ModelExpansion expansion;
    private readonly long largestFile;
    private readonly List<List<(long Offset, OnnxContent Content)>> placed = [];
    private readonly List<long> lengths = [];

    internal OnnxLayout(OnnxModel model, IReadOnlyList<StoredContent> contents, string? externalFile, long largestFile)
    {
        this.largestFile = largestFile;
        if (externalFile is not null && (externalFile.AsSpan().IndexOfAny("/\\:") >= 0 || externalFile is "" or "." or ".."))
        {
            throw new ArgumentException($"'{externalFile}' is no plain file name.", nameof(externalFile));
        }

        ModelProto proto = model.Proto.Clone();
        List<StoredContent> stored = [.. contents];
        Dictionary<OnnxContent, (int File, long Offset)> places = [];
        List<(TensorProto Tensor, OnnxContent Content)> outside = [];
        foreach (OnnxBody body in OnnxBody.All(proto))
        {
            foreach ((TensorProto tensor, bool initializer) in OnnxWeight.Tensors(body))
            {
                bool external = Tensors.IsExternal(tensor);
                if (tensor.DataType == DataType.String || !(external || (externalFile is not null && initializer)))
                {
                    continue;
                }

                // Runtimes read external data of initialisers; of other tensors only what came so.
                OnnxContent content = model.ContentOf(tensor);
                if (externalFile is not null && content.Length >= SkeletonReader.InlineBytes)
                {
                    Place(content, places);
                    outside.Add((tensor, content));
                }
                else if (external)
                {
                    Tensors.Clear(tensor);
                    OnnxModel.Store(tensor, content, stored);
                }
            }
        }

        // The names say how many files there are, which is only known now.
        ExternalFiles = externalFile is null ? [] : [.. lengths.Select((length, i) => new OnnxExternalFile(NameOf(externalFile, i, lengths.Count), length))];
        foreach ((TensorProto tensor, OnnxContent content) in outside)
        {
            (int file, long offset) = places[content];
            Tensors.Clear(tensor);
            PointTo(tensor, ExternalFiles[file].Name, offset, content.Length);
        }

        expansion = new ModelExpansion(proto, stored);
        if (expansion.Length > int.MaxValue)
        {
            throw new ArgumentException(
                $"The model would have {expansion.Length} bytes in one file; a protobuf message has less than 2 GB. Name a file for external data.", nameof(externalFile));
        }
    }

    /// <summary>The files of external data; none for a model in one file, or when no tensor is large enough for one.</summary>
    public ImmutableArray<OnnxExternalFile> ExternalFiles { get; }

    /// <summary>Size of the model's file in bytes.</summary>
    public long ModelLength => expansion.Length;

    /// <summary>Writes the model's file.</summary>
    /// <exception cref="InvalidModelFileException">A file that weights are read from became shorter, or the system cannot read it.</exception>
    public void WriteModel(Stream stream) => expansion.Write(stream);

    /// <summary>Writes a file of external data.</summary>
    /// <param name="file">Which, counted from 0.</param>
    /// <param name="stream">Where to.</param>
    /// <exception cref="InvalidModelFileException">A file that weights are read from became shorter, or the system cannot read it.</exception>
    public void WriteExternal(int file, Stream stream)
    {
        byte[] zeros = new byte[Alignment];
        long position = 0;
        foreach ((long offset, OnnxContent content) in placed[file])
        {
            stream.Write(zeros, 0, (int)(offset - position));
            content.CopyTo(stream);
            position = offset + content.Length;
        }
    }

    internal void Save(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        List<(string Temporary, string Final)> files = [];
        try
        {
            for (int i = 0; i < ExternalFiles.Length; i++)
            {
                int file = i;
                Write(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(full)!, ExternalFiles[i].Name), stream => WriteExternal(file, stream), files);
            }

            Write(full, WriteModel, files);
            foreach ((string temporary, string final) in files)
            {
                File.Move(temporary, final, overwrite: true);
            }
        }
        catch
        {
            foreach ((string temporary, _) in files)
            {
                File.Delete(temporary);
            }

            throw;
        }
    }

    private static void Write(string path, Action<Stream> write, List<(string, string)> files)
    {
        string temporary = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}.modelport-tmp");
        files.Add((temporary, path));
        using FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        write(stream);
        stream.Flush(flushToDisk: true);
    }

    private void Place(OnnxContent content, Dictionary<OnnxContent, (int, long)> places)
    {
        if (places.ContainsKey(content))
        {
            return;
        }

        if (placed.Count == 0 || (lengths[^1] > 0 && Aligned(lengths[^1]) + content.Length > largestFile))
        {
            placed.Add([]);
            lengths.Add(0);
        }

        long offset = Aligned(lengths[^1]);
        placed[^1].Add((offset, content));
        lengths[^1] = offset + content.Length;
        places.Add(content, (placed.Count - 1, offset));
    }

    private static long Aligned(long length) => checked(length + Alignment - 1) / Alignment * Alignment;

    private static string NameOf(string name, int index, int count) => count == 1
        ? name
        : string.Create(CultureInfo.InvariantCulture, $"{System.IO.Path.GetFileNameWithoutExtension(name)}-{index + 1:00000}-of-{count:00000}{System.IO.Path.GetExtension(name)}");

    private static void PointTo(TensorProto tensor, string file, long offset, long length)
    {
        tensor.DataLocation = DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = file });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length.ToString(CultureInfo.InvariantCulture) });
    }
}

/// <summary>A file of external data.</summary>
/// <param name="Name">Its name, beside the model's file.</param>
/// <param name="Length">Its size in bytes.</param>
public readonly record struct OnnxExternalFile(string Name, long Length);
