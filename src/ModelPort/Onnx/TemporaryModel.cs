using ModelPort.Caching;
using ModelPort.Formats.Onnx;
using ModelPort.Porting;

namespace ModelPort.Onnx;

/// <summary>A model that is on the disk for a measurement, and gone afterwards.</summary>
internal sealed class TemporaryModel : IDisposable
{
    private readonly string[] _files;

    /// <summary>Writes a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">Where it goes.</param>
    /// <param name="name">The beginning of its name.</param>
    /// <param name="isExternal">Whether its weights go into a file of their own, as those of a large model must.</param>
    public TemporaryModel(OnnxModel model, string folder, string name, bool isExternal)
    {
        Path = System.IO.Path.Combine(folder, $"{name}.onnx{OutputFile.TemporarySuffix}");
        var weights = isExternal ? $"{name}.data{OutputFile.TemporarySuffix}" : null;
        _files = weights is null ? [Path] : [Path, System.IO.Path.Combine(folder, weights)];
        try
        {
            model.Save(Path, weights);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_files, FileTransfer.TryDelete);
}
