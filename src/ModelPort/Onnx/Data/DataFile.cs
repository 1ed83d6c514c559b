using ModelPort.Diagnostics;

namespace ModelPort.Onnx.Data;

/// <summary>Opens data by what its name says it is.</summary>
internal static class DataFile
{
    /// <summary>Opens a file with inputs of a model.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelPortException">MP1002: it is not there; MP1081: it is of no known kind; MP1092: it describes images, and cannot be used; or it is damaged.</exception>
    /// <exception cref="Formats.InvalidModelFileException">It is damaged.</exception>
    public static IDataTable Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new ModelPortException(Directory.Exists(path) ? Diagnose.DataFormat(path, "a folder") : Diagnose.FileMissing(path, "data with inputs of the model"));
        }

        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".safetensors" => new SafetensorsTable(path),
            ".npy" => new NpyTable(path),
            ".npz" => new NpzTable(path),
            ".json" => new ImageTable(path),
            var other => throw new ModelPortException(Diagnose.DataFormat(path, other.Length == 0 ? "a file without an extension" : $"a {other} file")),
        };
    }
}
