using System.Collections.Immutable;
using ModelPort.Engines.OnnxRuntime;

namespace ModelPort.Onnx.Data;

/// <summary>A named array of a data file.</summary>
/// <param name="Name">Its name; empty where the file has one array without a name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its dimensions, the slowest varying first.</param>
internal sealed record DataColumn(string Name, TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Rows: the first dimension, or 1 of a scalar.</summary>
    public long Rows => Shape.IsEmpty ? 1 : Shape[0];

    /// <summary>The dimensions of one row.</summary>
    public ImmutableArray<long> RowShape => Shape.IsEmpty ? Shape : Shape[1..];

    /// <summary>Bytes of one row.</summary>
    public long RowBytes => RowShape.Aggregate(1L, (count, dimension) => checked(count * dimension)) * EngineTensor.SizeOf(Type);

    /// <inheritdoc/>
    public override string ToString() => $"{Type} [{string.Join(", ", Shape)}]";
}

/// <summary>Named arrays of a file, or of files that a file describes, read a few rows at a time.</summary>
internal interface IDataTable : IDisposable
{
    /// <summary>Every file that the rows come from; the first is the one that the user named.</summary>
    IReadOnlyList<string> Files { get; }

    /// <summary>The arrays.</summary>
    /// <exception cref="Diagnostics.ModelPortException">MP1008: one has a type that no input of a model has.</exception>
    IReadOnlyList<DataColumn> Columns { get; }

    /// <summary>Reads rows of an array.</summary>
    /// <param name="column">The array.</param>
    /// <param name="first">The first row.</param>
    /// <param name="destination">Where they go: as many rows as it has room for.</param>
    /// <exception cref="Diagnostics.ModelPortException">A file is damaged.</exception>
    void Read(DataColumn column, long first, Span<byte> destination);
}
