using System.Collections.Immutable;

namespace ModelPort.Formats.Onnx;

/// <summary>Checks every tensor of a model: that its type is known, that its values are as many as its shape says, and that external data is where it should be.</summary>
internal static class TensorCheck
{
    public static void Run(OnnxModel model, ImmutableArray<OnnxBody> bodies)
    {
        List<(string Path, long Offset, long Length, string Name)> ranges = [];
        foreach (TensorProto tensor in bodies.SelectMany(OnnxWeight.Tensors).Select(place => place.Tensor))
        {
            if (!DataTypes.IsKnown(tensor.DataType))
            {
                throw Fault(model, tensor, FileFault.UnknownType, $"data type {(int)tensor.DataType}", $"a type from 1 to {(int)DataType.Int2}");
            }

            if (tensor.Segment is not null)
            {
                throw Fault(model, tensor, FileFault.Unsupported, "a tensor in segments", "whole tensors");
            }

            if (tensor.DataType == DataType.String)
            {
                CheckStrings(model, tensor);
            }
            else
            {
                CheckNumbers(model, tensor, ranges);
            }
        }

        foreach (OnnxBody body in bodies)
        {
            foreach (SparseTensorProto sparse in (body.Graph?.SparseInitializer ?? [])
                .Concat(body.Nodes.SelectMany(node => node.Attribute).SelectMany(OnnxWeight.SparseOf)))
            {
                CheckSparse(model, sparse);
            }
        }

        CheckOverlap(model, ranges);
    }

    private static void CheckStrings(OnnxModel model, TensorProto tensor)
    {
        if (tensor.HasRawData || tensor.HasContent || Tensors.IsExternal(tensor))
        {
            throw Fault(model, tensor, FileFault.Malformed, "strings as raw or external data", "string_data");
        }

        if (!Shape.TryCount([.. tensor.Dims], out long count) || count != tensor.StringData.Count)
        {
            throw Fault(model, tensor, FileFault.Inconsistent, $"{tensor.StringData.Count} strings", $"as many as {Tensors.Describe(tensor)} has");
        }
    }

    private static void CheckNumbers(OnnxModel model, TensorProto tensor, List<(string Path, long Offset, long Length, string Name)> ranges)
    {
        if (!Tensors.TryGetByteLength(tensor, out long expected))
        {
            throw Fault(model, tensor, FileFault.TooLarge, Tensors.Describe(tensor), "dimensions of at least 0, and less than 2^63 bytes");
        }

        (string? field, long typed) = Tensors.TypedField(tensor);
        bool raw = tensor.HasRawData || tensor.HasContent;
        if (Tensors.IsExternal(tensor))
        {
            if (raw || field is not null)
            {
                throw Fault(model, tensor, FileFault.Inconsistent, "values in the file and an external file for them", "one of the two");
            }

            OnnxContent content = model.ContentOf(tensor);
            if (content is { Length: > 0, ExternalPlace: { } place })
            {
                ranges.Add((place.Path, place.Offset, content.Length, tensor.Name));
            }

            return;
        }

        if (raw && field is not null)
        {
            throw Fault(model, tensor, FileFault.Inconsistent, $"values in raw_data and in {field}", "one of the two");
        }

        if (field is not null && field != Tensors.FieldOf(tensor.DataType))
        {
            throw Fault(model, tensor, FileFault.Inconsistent, $"values in {field}", $"{Tensors.FieldOf(tensor.DataType)} or raw_data for {DataTypes.Name(tensor.DataType)}");
        }

        long found = tensor.HasContent || tensor.HasRawData ? (tensor.HasContent ? model.ContentOf(tensor).Length : tensor.RawData.Length) : typed;
        if (found != expected)
        {
            throw Fault(model, tensor, FileFault.Inconsistent, $"values of {found} bytes", $"{expected} bytes for {Tensors.Describe(tensor)}");
        }
    }

    private static void CheckSparse(OnnxModel model, SparseTensorProto sparse)
    {
        if (sparse.Values is null || sparse.Indices is null)
        {
            throw new InvalidModelFileException(
                model.Path, FileFault.Malformed, "a sparse tensor without values or indices", "both", sparse.Values?.Name);
        }

        // Indices are positions in the flattened tensor, or one row of coordinates for each value.
        long[] values = [.. sparse.Values.Dims];
        long[] indices = [.. sparse.Indices.Dims];
        bool agree = values.Length == 1 && indices.Length is 1 or 2 && indices[0] == values[0] && (indices.Length == 1 || indices[1] == sparse.Dims.Count);
        if (!agree || sparse.Indices.DataType != DataType.Int64 || !Shape.TryCount([.. sparse.Dims], out long count) || values[0] > count)
        {
            throw Fault(
                model,
                sparse.Values,
                FileFault.Inconsistent,
                $"a sparse tensor of shape {Shape.Describe([.. sparse.Dims])} with values {Shape.Describe(values)} and indices {Shape.Describe(indices)}",
                "INT64 indices, one or one row for each value");
        }
    }

    // Tensors that share all their bytes are tied weights; those that share a part are a mistake or worse.
    private static void CheckOverlap(OnnxModel model, List<(string Path, long Offset, long Length, string Name)> ranges)
    {
        ranges.Sort((a, b) => (string.CompareOrdinal(a.Path, b.Path), a.Offset.CompareTo(b.Offset), a.Length.CompareTo(b.Length)) switch
        {
            (not 0 and int path, _, _) => path,
            (_, not 0 and int offset, _) => offset,
            (_, _, int length) => length,
        });
        for (int i = 1; i < ranges.Count; i++)
        {
            (string path, long offset, long length, string name) = ranges[i];
            (string pathBefore, long offsetBefore, long lengthBefore, string nameBefore) = ranges[i - 1];
            if (path == pathBefore && offset < offsetBefore + lengthBefore && (offset, length) != (offsetBefore, lengthBefore))
            {
                throw new InvalidModelFileException(
                    model.Path,
                    FileFault.Inconsistent,
                    $"external data that shares {Math.Min(length, offsetBefore + lengthBefore - offset)} bytes with '{nameBefore}'",
                    "bytes of its own, or all of them shared",
                    name);
            }
        }
    }

    private static InvalidModelFileException Fault(OnnxModel model, TensorProto tensor, FileFault fault, string found, string expected) =>
        new(model.Path, fault, found, expected, tensor.Name);
}
