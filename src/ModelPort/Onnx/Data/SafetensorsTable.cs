using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Onnx.Data;

/// <summary>The tensors of a .safetensors file.</summary>
/// <param name="path">The file.</param>
/// <exception cref="Formats.InvalidModelFileException">It cannot be read or is damaged.</exception>
internal sealed class SafetensorsTable(string path) : IDataTable
{
    private readonly SafetensorsFile _file = SafetensorsFile.Open(path);

    /// <inheritdoc/>
    public IReadOnlyList<string> Files => [_file.Path];

    /// <inheritdoc/>
    public IReadOnlyList<DataColumn> Columns => field ??= [.. _file.Tensors.Select(t => new DataColumn(t.Name, TypeOf(_file.Path, t), t.Shape))];

    /// <inheritdoc/>
    public void Read(DataColumn column, long first, Span<byte> destination)
    {
        _file.TryGet(column.Name, out var tensor);
        _file.Read(tensor!, first * column.RowBytes, destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static TensorType TypeOf(string path, SafetensorsTensor tensor) => tensor.Type switch
    {
        SafetensorsType.BOOL => TensorType.Bool,
        SafetensorsType.U8 => TensorType.UInt8,
        SafetensorsType.I8 => TensorType.Int8,
        SafetensorsType.U16 => TensorType.UInt16,
        SafetensorsType.I16 => TensorType.Int16,
        SafetensorsType.F16 => TensorType.Float16,
        SafetensorsType.BF16 => TensorType.BFloat16,
        SafetensorsType.U32 => TensorType.UInt32,
        SafetensorsType.I32 => TensorType.Int32,
        SafetensorsType.F32 => TensorType.Float,
        SafetensorsType.U64 => TensorType.UInt64,
        SafetensorsType.I64 => TensorType.Int64,
        SafetensorsType.F64 => TensorType.Double,
        _ => throw new ModelPortException(Diagnose.UnknownType(path, $"{tensor.Type} of '{tensor.Name}'", "a type that inputs of models have: BOOL, whole numbers of 8 to 64 bits, F16, BF16, F32 or F64")),
    };
}
