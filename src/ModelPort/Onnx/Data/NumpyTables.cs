using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Numpy;

namespace ModelPort.Onnx.Data;

/// <summary>The array of a .npy file, which has no name: it is for the only input of a model. Rows are read as they are asked for.</summary>
/// <param name="path">The file.</param>
/// <exception cref="Formats.InvalidModelFileException">It cannot be read or is damaged.</exception>
internal sealed class NpyTable(string path) : IDataTable
{
    private readonly NpyFile _file = NpyFile.Open(path);

    /// <inheritdoc/>
    public IReadOnlyList<string> Files => [_file.Path];

    /// <inheritdoc/>
    public IReadOnlyList<DataColumn> Columns => field ??= [new DataColumn("", NumpyTypeNames.Of(_file.Path, "", _file.Type), _file.Shape)];

    /// <inheritdoc/>
    public void Read(DataColumn column, long first, Span<byte> destination) => _file.ReadRows(first, column.RowBytes == 0 ? 0 : (int)(destination.Length / column.RowBytes), destination);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}

/// <summary>The arrays of a .npz file. They are compressed, so that each is unpacked as a whole when its first row is asked for, and kept.</summary>
/// <param name="path">The file.</param>
/// <exception cref="Formats.InvalidModelFileException">It cannot be read or is damaged.</exception>
internal sealed class NpzTable(string path) : IDataTable
{
    private readonly NpzFile _file = NpzFile.Open(path);
    private readonly Dictionary<string, byte[]> _unpacked = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public IReadOnlyList<string> Files => [_file.Path];

    /// <inheritdoc/>
    public IReadOnlyList<DataColumn> Columns => field ??= [.. _file.Arrays.Select(a => new DataColumn(a.Name, NumpyTypeNames.Of(_file.Path, a.Name, a.Type), a.Shape))];

    /// <inheritdoc/>
    public void Read(DataColumn column, long first, Span<byte> destination)
    {
        if (!_unpacked.TryGetValue(column.Name, out var bytes))
        {
            _unpacked.Add(column.Name, bytes = _file.Read(column.Name));
        }

        bytes.AsSpan((int)(first * column.RowBytes), destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}

/// <summary>Element types of NumPy as inputs of models have them.</summary>
internal static class NumpyTypeNames
{
    /// <summary>The type of an array.</summary>
    /// <exception cref="ModelPortException">MP1008: no input of a model has it.</exception>
    public static TensorType Of(string path, string name, NumpyType type) => type switch
    {
        NumpyType.Bool => TensorType.Bool,
        NumpyType.Int8 => TensorType.Int8,
        NumpyType.Int16 => TensorType.Int16,
        NumpyType.Int32 => TensorType.Int32,
        NumpyType.Int64 => TensorType.Int64,
        NumpyType.UInt8 => TensorType.UInt8,
        NumpyType.UInt16 => TensorType.UInt16,
        NumpyType.UInt32 => TensorType.UInt32,
        NumpyType.UInt64 => TensorType.UInt64,
        NumpyType.Float16 => TensorType.Float16,
        NumpyType.Float32 => TensorType.Float,
        NumpyType.Float64 => TensorType.Double,
        _ => throw new ModelPortException(Diagnose.UnknownType(path, $"{type}{(name.Length == 0 ? "" : $" of '{name}'")}", "a type that inputs of models have: booleans, whole numbers, or floats of 16 to 64 bits")),
    };
}
