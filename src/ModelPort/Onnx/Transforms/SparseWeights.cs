using System.Runtime.InteropServices;
using ModelPort.Formats;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Sparse weights, which are stored as the values that are not zero with their places, are made whole where that takes no more bytes in the precision than the
/// values alone, so that transforms find them. Others stay as they are: no precision makes them smaller.
/// </summary>
internal static class SparseWeights
{
    /// <summary>Makes sparse weights whole, in all graphs.</summary>
    /// <returns>What was done and left, in sentences.</returns>
    public static IEnumerable<string> Run(OnnxModel model, OnnxTransformRequest request)
    {
        Hoist(model);
        var index = model.Index();
        List<string> whole = [], left = [];
        foreach (var body in index.Bodies.Where(body => body.Graph is not null))
        {
            foreach (var sparse in body.Graph!.SparseInitializer.ToList())
            {
                if (index.TryResolve(body, sparse.Values.Name, out var value) && WeightStream.CanRead(sparse.Values.DataType) && value.Uses.Any(use => request.Precision == OnnxPrecision.FP16 || IsWeight(use)))
                {
                    var isWhole = IsSmaller(sparse, request.Precision);
                    (isWhole ? whole : left).Add($"'{sparse.Values.Name}'");
                    if (isWhole)
                    {
                        body.Graph.SparseInitializer.Remove(sparse);
                        body.Graph.Initializer.Add(Whole(model, sparse));
                    }
                }
            }
        }

        if (whole.Count > 0)
        {
            yield return $"Sparse weights were made whole: {string.Join(", ", whole)}.";
        }

        if (left.Count > 0)
        {
            yield return $"Sparse weights stay as they are, as they take fewer bytes so: {string.Join(", ", left)}.";
        }
    }

    private static void Hoist(OnnxModel model)
    {
        foreach (var body in model.Bodies().Where(body => body.Graph is not null))
        {
            foreach (var node in body.Nodes.Where(node => node.Is("Constant") && node.Find("sparse_value") is { SparseTensor: not null, RefAttrName: "" } && !body.Outputs.Contains(node.Output[0])).ToList())
            {
                var sparse = node.Find("sparse_value")!.SparseTensor;
                sparse.Values.Name = node.Output[0];
                body.Graph!.SparseInitializer.Add(sparse);
                body.Nodes.Remove(node);
            }
        }
    }

    private static bool IsWeight(ValueUse use) => use.Node is { } node
        && ((use.Index == 1 && (node.Is("MatMul") || node.Is("Gemm") || node.Is("Conv") || node.Is("ConvTranspose")))
            || (use.Index is 1 or 2 && (node.Is("LSTM") || node.Is("GRU") || node.Is("RNN")))
            || (use.Index == 0 && node.Is("Gather")));

    // Places are not counted, which are twice as long again.
    private static bool IsSmaller(SparseTensorProto sparse, OnnxPrecision precision)
    {
        var stored = sparse.Values.Dims[0] * (DataTypes.Bits(sparse.Values.DataType) / 8);
        var count = sparse.Dims.Aggregate(1L, (product, dimension) => product * dimension);
        return (precision == OnnxPrecision.FP16 ? 2 * count : count) <= stored;
    }

    private static TensorProto Whole(OnnxModel model, SparseTensorProto sparse)
    {
        long[] shape = [.. sparse.Dims];
        var size = DataTypes.Bits(sparse.Values.DataType) / 8;
        var (values, indices) = (model.ContentOf(sparse.Values), model.ContentOf(sparse.Indices));
        var perPlace = sparse.Indices.Dims.Count == 2 ? shape.Length : 1;
        return model.NewTensor(sparse.Values.Name, sparse.Values.DataType, shape, OnnxContent.Computed(DataTypes.ByteLength(sparse.Values.DataType, shape), stream =>
        {
            var whole = new byte[DataTypes.ByteLength(sparse.Values.DataType, shape)];
            var numbers = values.ToArray();
            var places = MemoryMarshal.Cast<byte, long>(indices.ToArray().AsSpan());
            for (var i = 0; i < numbers.Length / size; i++)
            {
                var place = Place(places.Slice(i * perPlace, perPlace), perPlace == shape.Length ? shape : [whole.Length / size]);
                if (place < 0)
                {
                    throw new InvalidModelFileException(
                        model.Path, FileFault.Inconsistent, $"a value of a sparse tensor at [{string.Join(", ", places.Slice(i * perPlace, perPlace).ToArray())}]", $"places within [{string.Join(", ", shape)}]", sparse.Values.Name);
                }

                numbers.AsSpan(i * size, size).CopyTo(whole.AsSpan((int)(place * size), size));
            }

            stream.Write(whole);
        }));
    }

    // The position that coordinates say, or a position that is one already; -1 outside.
    private static long Place(ReadOnlySpan<long> at, ReadOnlySpan<long> shape)
    {
        var place = 0L;
        for (var i = 0; i < shape.Length; i++)
        {
            if (at[i] < 0 || at[i] >= shape[i])
            {
                return -1;
            }

            place = (place * shape[i]) + at[i];
        }

        return place;
    }
}
