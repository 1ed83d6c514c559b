using System.Collections.Immutable;

namespace ModelPort.Formats.Onnx;

/// <summary>
/// An ONNX model opened for reading and rewriting: its messages, which are ordinary objects that may be changed, and its weights, which stay in their
/// files until they are read; several threads may read them while nobody changes the model. Everything in the file survives: unknown fields and domains,
/// metadata, training graphs, functions. The format: https://onnx.ai/onnx/repo-docs/IR.html.
/// </summary>
public sealed class OnnxModel : IDisposable
{
    /// <summary>The newest version of the format that is read.</summary>
    public const int NewestIrVersion = 13;

    private readonly SourceFile? file;
    private readonly ExternalFiles external;
    private readonly List<StoredContent> contents;

    private OnnxModel(string path, SourceFile? file, ModelProto proto, List<StoredContent> contents, ExternalFiles external)
    {
        Path = path;
        this.file = file;
        Proto = proto;
        this.contents = contents;
        this.external = external;
    }

    /// <summary>The path that was opened; external data is looked for in its folder.</summary>
    public string Path { get; }

    /// <summary>The model's messages. Large values are not in them: <see cref="ContentOf"/> reads those, <see cref="SetContent"/> replaces them.</summary>
    public ModelProto Proto { get; }

    /// <summary>
    /// Opens a file and checks it: messages, names, references between values, types and sizes of tensors, places of external data, cycles.
    /// Operators are not checked, so that a model of unknown ones can be read and written.
    /// </summary>
    /// <exception cref="InvalidModelFileException">A file cannot be read, or breaks the format.</exception>
    public static OnnxModel Open(string path)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            (ModelProto proto, List<StoredContent> contents) = SkeletonReader.Read(file);
            OnnxModel model = new(path, file, proto, contents, new ExternalFiles(path));
            ModelCheck.Run(model);
            return model;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A model that was made in memory. It is checked when its file is opened.</summary>
    /// <param name="proto">The messages, which are not copied.</param>
    /// <param name="path">Where the model would be: external data is looked for in that folder.</param>
    public static OnnxModel Create(ModelProto proto, string path = "model.onnx") => new(path, null, proto, [], new ExternalFiles(path));

    /// <summary>A copy whose messages can be changed on their own. It reads the same files, so this model must stay open as long as the copy is used.</summary>
    public OnnxModel Copy() => new(Path, null, Proto.Clone(), [.. contents], external);

    /// <summary>Every body of nodes, outer before inner: the main graph, functions, training graphs, and the graphs in attributes of their nodes.</summary>
    public ImmutableArray<OnnxBody> Bodies() => OnnxBody.All(Proto);

    /// <summary>Values of the main graph, of its subgraphs and of all others, and who makes and uses them. Made anew by each call, from what the model is then.</summary>
    public ValueIndex Index() => new(Bodies());

    /// <summary>Every tensor of constant values, wherever it stands: initialisers, Constant nodes and other attributes, in all bodies.</summary>
    public IEnumerable<OnnxWeight> Weights() => Bodies().SelectMany(body => OnnxWeight.In(this, body));

    /// <summary>The values of a tensor as raw bytes, from whatever field or file holds them.</summary>
    /// <exception cref="ArgumentException">The tensor holds strings, or its type or shape is none.</exception>
    /// <exception cref="InvalidModelFileException">An external file is missing, outside the folder or too short.</exception>
    public OnnxContent ContentOf(TensorProto tensor)
    {
        if (tensor.DataType == DataType.String || !DataTypes.IsKnown(tensor.DataType) || !Tensors.TryGetByteLength(tensor, out long bytes))
        {
            throw new ArgumentException($"'{tensor.Name}', {Tensors.Describe(tensor)}, has no values as bytes.", nameof(tensor));
        }

        return tensor.HasContent ? contents[tensor.Content].Content
            : Tensors.IsExternal(tensor) ? external.Find(tensor, bytes)
            : OnnxContent.Of(tensor.HasRawData ? tensor.RawData.Memory : Tensors.TypedBytes(tensor));
    }

    /// <summary>Gives a tensor other values, and the type and shape that go with them; its name and notes stay.</summary>
    /// <param name="tensor">A tensor of this model, or one that will be added to it.</param>
    /// <param name="type">Any type but STRING.</param>
    /// <param name="shape">Dimensions, the slowest varying first; empty for a scalar.</param>
    /// <param name="content">As many bytes as type and shape make.</param>
    /// <exception cref="ArgumentException">There are more or fewer bytes.</exception>
    public void SetContent(TensorProto tensor, DataType type, ReadOnlySpan<long> shape, OnnxContent content)
    {
        long expected = DataTypes.ByteLength(type, shape);
        if (content.Length != expected)
        {
            throw new ArgumentException(
                $"'{tensor.Name}' as {DataTypes.Name(type)} of shape {Shape.Describe(shape)} takes {expected} bytes, not {content.Length}.", nameof(content));
        }

        Tensors.Clear(tensor);
        tensor.DataType = type;
        tensor.Dims.Clear();
        tensor.Dims.AddRange(shape.ToArray());
        Store(tensor, content, contents);
    }

    /// <summary>A new tensor, for instance for an initialiser.</summary>
    /// <exception cref="ArgumentException">There are more or fewer bytes than type and shape make.</exception>
    public TensorProto NewTensor(string name, DataType type, ReadOnlySpan<long> shape, OnnxContent content)
    {
        TensorProto tensor = new() { Name = name };
        SetContent(tensor, type, shape, content);
        return tensor;
    }

    /// <summary>Makes values of the main graph outputs, after those that it has, so that a run shows them. Those that are outputs already stay where they are.</summary>
    /// <param name="names">Names of values that the main graph makes. A type that the file does not state is left for the runtime to find.</param>
    public void AddOutputs(params IEnumerable<string> names)
    {
        OnnxBody main = Bodies()[0];
        ValueIndex index = Index();
        HashSet<string> present = new(main.Outputs, StringComparer.Ordinal);
        foreach (string name in names.Where(present.Add))
        {
            ValueInfoProto output = new() { Name = name };
            if (index.TryResolve(main, name, out OnnxValue? value) && value.Type is { } type)
            {
                output.Type = type.Clone();
            }

            Proto.Graph.Output.Add(output);
        }
    }

    /// <summary>Plans the file or files of this model; see <see cref="OnnxLayout"/>.</summary>
    /// <param name="externalFile">Name of the file for the weights, beside the model's; null for one file that holds all.</param>
    /// <param name="largestFile">The most bytes of a file for the weights: of more there are several, <c>weights-00001-of-00003.data</c> and so on. A tensor that alone is larger has a file of its own.</param>
    /// <exception cref="InvalidModelFileException">An external file of this model is missing, outside the folder or too short.</exception>
    /// <exception cref="ArgumentException">One file would have 2 GB or more, which no protobuf message can have; or the name is no plain file name.</exception>
    public OnnxLayout Lay(string? externalFile = null, long largestFile = long.MaxValue) => new(this, contents, externalFile, largestFile);

    /// <summary>
    /// Writes the model, whole or not at all: under temporary names first, and the model's file last. Weights are streamed from where they are. When the
    /// external file that this model reads from was replaced so, open the model again before its weights are read.
    /// </summary>
    /// <param name="path">Where the model goes; it may be the path that it was opened from.</param>
    /// <param name="externalFile">Name of the file for the weights, beside the model's; null for one file that holds all.</param>
    /// <exception cref="InvalidModelFileException">An external file of this model is missing, outside the folder or too short.</exception>
    /// <exception cref="ArgumentException">One file would have 2 GB or more, which no protobuf message can have; or the name is no plain file name.</exception>
    public void Save(string path, string? externalFile = null) => Lay(externalFile).Save(path);

    /// <summary>Closes the file.</summary>
    public void Dispose() => file?.Dispose();

    /// <summary>Puts values into a cleared tensor: small ones into the message, large ones beside it.</summary>
    internal static void Store(TensorProto tensor, OnnxContent content, List<StoredContent> contents)
    {
        if (content.Length < SkeletonReader.InlineBytes)
        {
            tensor.RawData = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(content.ToArray());
        }
        else
        {
            tensor.Content = contents.Count;
            contents.Add(new StoredContent(content, TensorProto.RawDataFieldNumber));
        }
    }
}
