using System.Globalization;

namespace ModelPort.Formats.Onnx;

/// <summary>
/// The complete plan of a model's file, and of the file of its external data if it has one, before either exists: both lengths, and what goes where.
/// Weights are streamed while they are written. Tensors of the same stored bytes share them in the external file.
/// </summary>
public sealed class OnnxLayout
{
    /// <summary>External data of a tensor begins at a multiple of this, so that a runtime can map it into memory.</summary>
    public const int Alignment = 4096;

    private readonly ModelExpansion expansion;
    private readonly List<(long Offset, OnnxContent Content)> placed = [];

    internal OnnxLayout(OnnxModel model, IReadOnlyList<StoredContent> contents, string? externalFile)
    {
        if (externalFile is not null && (externalFile.AsSpan().IndexOfAny("/\\:") >= 0 || externalFile is "" or "." or ".."))
        {
            throw new ArgumentException($"'{externalFile}' is no plain file name.", nameof(externalFile));
        }

        ExternalFile = externalFile;
        ModelProto proto = model.Proto.Clone();
        List<StoredContent> stored = [.. contents];
        Dictionary<OnnxContent, long> offsets = [];
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
                    Tensors.Clear(tensor);
                    PointTo(tensor, externalFile, Place(content, offsets), content.Length);
                }
                else if (external)
                {
                    Tensors.Clear(tensor);
                    OnnxModel.Store(tensor, content, stored);
                }
            }
        }

        expansion = new ModelExpansion(proto, stored);
        if (expansion.Length > int.MaxValue)
        {
            throw new ArgumentException(
                $"The model would have {expansion.Length} bytes in one file; a protobuf message has less than 2 GB. Name a file for external data.", nameof(externalFile));
        }
    }

    /// <summary>Name of the file of external data, or null for a model in one file.</summary>
    public string? ExternalFile { get; }

    /// <summary>Size of the model's file in bytes.</summary>
    public long ModelLength => expansion.Length;

    /// <summary>Size of the file of external data in bytes; 0 without one, or when no tensor is large enough for it.</summary>
    public long ExternalLength { get; private set; }

    /// <summary>Writes the model's file.</summary>
    /// <exception cref="InvalidModelFileException">A file that weights are read from became shorter, or the system cannot read it.</exception>
    public void WriteModel(Stream stream) => expansion.Write(stream);

    /// <summary>Writes the file of external data.</summary>
    /// <exception cref="InvalidModelFileException">A file that weights are read from became shorter, or the system cannot read it.</exception>
    public void WriteExternal(Stream stream)
    {
        byte[] zeros = new byte[Alignment];
        long position = 0;
        foreach ((long offset, OnnxContent content) in placed)
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
            if (ExternalFile is not null && ExternalLength > 0)
            {
                Write(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(full)!, ExternalFile), WriteExternal, files);
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

    private long Place(OnnxContent content, Dictionary<OnnxContent, long> offsets)
    {
        if (!offsets.TryGetValue(content, out long offset))
        {
            offset = offsets[content] = checked(ExternalLength + Alignment - 1) / Alignment * Alignment;
            placed.Add((offset, content));
            ExternalLength = offset + content.Length;
        }

        return offset;
    }

    private static void PointTo(TensorProto tensor, string file, long offset, long length)
    {
        tensor.DataLocation = DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = file });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length.ToString(CultureInfo.InvariantCulture) });
    }
}
