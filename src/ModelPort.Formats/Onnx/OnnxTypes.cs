using System.Globalization;

namespace ModelPort.Formats.Onnx;

/// <summary>Types of values: made, taken apart, and written for people.</summary>
public static class OnnxTypes
{
    /// <summary>A tensor type of known dimensions.</summary>
    public static TypeProto Tensor(DataType type, ReadOnlySpan<long> shape)
    {
        TensorShapeProto dimensions = new();
        foreach (long dimension in shape)
        {
            dimensions.Dim.Add(new DimensionProto { DimValue = dimension });
        }

        return new TypeProto { TensorType = new TensorTypeProto { ElemType = type, Shape = dimensions } };
    }

    /// <summary>A tensor type of unknown rank.</summary>
    public static TypeProto Tensor(DataType type) => new() { TensorType = new TensorTypeProto { ElemType = type } };

    /// <summary>The element type of a dense tensor; <see cref="DataType.Undefined"/> for anything else.</summary>
    public static DataType ElementType(TypeProto? type) =>
        type?.ValueCase == TypeProto.ValueOneofCase.TensorType ? type.TensorType.ElemType : DataType.Undefined;

    /// <summary>The dimensions of a dense tensor, -1 for one that is not a fixed number; null if the rank is unknown or it is no tensor.</summary>
    public static long[]? Dimensions(TypeProto? type) => type?.ValueCase == TypeProto.ValueOneofCase.TensorType && type.TensorType.Shape is { } shape
        ? [.. shape.Dim.Select(dimension => dimension.ValueCase == DimensionProto.ValueOneofCase.DimValue ? dimension.DimValue : -1)]
        : null;

    /// <summary>The type in words: "FLOAT [N, 3, 224, 224]", "sequence of INT64 [?]", "unknown".</summary>
    public static string Describe(TypeProto? type) => type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => Describe(type.TensorType),
        TypeProto.ValueOneofCase.SparseTensorType => $"sparse {Describe(type.SparseTensorType)}",
        TypeProto.ValueOneofCase.SequenceType => $"sequence of {Describe(type.SequenceType.ElemType)}",
        TypeProto.ValueOneofCase.OptionalType => $"optional {Describe(type.OptionalType.ElemType)}",
        TypeProto.ValueOneofCase.MapType => $"map of {DataTypes.Name(type.MapType.KeyType)} to {Describe(type.MapType.ValueType)}",
        TypeProto.ValueOneofCase.OpaqueType => $"opaque {type.OpaqueType.Domain}.{type.OpaqueType.Name}",
        _ => "unknown",
    };

    private static string Describe(TensorTypeProto tensor) => tensor.Shape is null
        ? $"{DataTypes.Name(tensor.ElemType)} of any shape"
        : $"{DataTypes.Name(tensor.ElemType)} [{string.Join(", ", tensor.Shape.Dim.Select(Describe))}]";

    private static string Describe(DimensionProto dimension) => dimension.ValueCase switch
    {
        DimensionProto.ValueOneofCase.DimValue => dimension.DimValue.ToString(CultureInfo.InvariantCulture),
        DimensionProto.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 => dimension.DimParam,
        _ => "?",
    };
}
