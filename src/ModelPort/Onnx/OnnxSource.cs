using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx;

/// <summary>An ONNX model as the source of ports.</summary>
internal sealed class OnnxSource : IDisposable
{
    private OnnxSource(OnnxModel model, IReadOnlyList<SourceFile> files)
    {
        (Model, Files) = (model, files);
        Signature = OnnxSignature.Of(model);
        Census = ModelCensus.Of(model);
    }

    /// <summary>The model, open for reading.</summary>
    public OnnxModel Model { get; }

    /// <summary>Its file, and those that hold weights beside it.</summary>
    public IReadOnlyList<SourceFile> Files { get; }

    /// <summary>What goes in and comes out.</summary>
    public OnnxSignature Signature { get; }

    /// <summary>What it is made of.</summary>
    public ModelCensus Census { get; }

    /// <summary>The folder of the model.</summary>
    public string Folder => Path.GetDirectoryName(Files[0].Path)!;

    /// <summary>Bytes of its files.</summary>
    public long Bytes => Files.Sum(f => f.Length);

    /// <summary>Whether weights are in files of their own.</summary>
    public bool IsExternal => Files.Count > 1;

    /// <summary>Its own precision: that of most of its weights' bytes, as precisions are named.</summary>
    public string Precision => Census.Weights.Where(w => w.Type is not ("INT64" or "BOOL" or "STRING")).GroupBy(w => w.Type).MaxBy(g => g.Sum(w => w.Bytes))?.Key switch
    {
        null or "FLOAT" => "FP32",
        "FLOAT16" => "FP16",
        "DOUBLE" => "FP64",
        var other => other,
    };

    /// <summary>The licence that its metadata name; null when they name none.</summary>
    public string? License => Model.Proto.MetadataProps.FirstOrDefault(m => m.Key.Equals("license", StringComparison.OrdinalIgnoreCase))?.Value is { Length: > 0 } license ? license : null;

    /// <summary>Opens a model.</summary>
    /// <param name="path">Its file.</param>
    /// <exception cref="ModelPortException">MP1001: there is none.</exception>
    /// <exception cref="Formats.InvalidModelFileException">It is damaged.</exception>
    public static OnnxSource Open(string path)
    {
        path = Path.GetFullPath(path);
        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.SourceMissing(path));
        }

        var model = OnnxModel.Open(path);
        try
        {
            var folder = Path.GetDirectoryName(path)!;
            return new OnnxSource(model, [.. External(model).Prepend(path).Select(f => SourceFile.Of(f, folder))]);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    // Places were checked when the model was opened.
    private static IEnumerable<string> External(OnnxModel model) => model.Weights()
        .Select(w => w.Tensor)
        .OfType<TensorProto>()
        .Where(t => t.DataLocation == DataLocation.External)
        .Select(t => t.ExternalData.First(e => e.Key == "location").Value)
        .Distinct(StringComparer.Ordinal)
        .Select(location => Path.GetFullPath(location, Path.GetDirectoryName(model.Path)!))
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal);
}
