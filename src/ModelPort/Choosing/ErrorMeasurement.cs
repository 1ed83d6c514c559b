using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Kernels;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Choosing;

/// <summary>The importance of the columns of one matrix of a tensor.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="matrix">Which of its matrices: the expert.</param>
/// <param name="weights">Receives them.</param>
/// <returns>Whether there are any.</returns>
internal delegate bool ColumnWeights(TensorPlan tensor, int matrix, Span<float> weights);

/// <summary>What a tensor loses in each candidate type.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="MeanSquare">The mean of its squared values.</param>
/// <param name="MeasuredRows">Rows that were quantised.</param>
/// <param name="Errors">The relative squared error of each candidate.</param>
internal sealed record MeasuredTensor(TensorPlan Tensor, double MeanSquare, long MeasuredRows, IReadOnlyList<TypeError> Errors);

/// <summary>
/// Quantises tensors to every candidate type and back, and sums what is lost. Of a tensor with more than a million values, rows are taken at even distances:
/// errors of rows are so much alike that a million values tell a tensor's error to a few parts in a thousand, and the time is bounded whatever the model's
/// size. Threads work on pieces of 65,536 values; sums are added in the order of the pieces, so that figures depend on neither threads nor memory.
/// </summary>
/// <param name="model">The source as GGUF at its own precision, whose values are known to be finite.</param>
/// <param name="request">Threads and memory budget.</param>
/// <param name="weights">What weighs columns; null for nothing.</param>
/// <param name="observer">Told the values done.</param>
/// <param name="cancellation">Stops the work.</param>
/// <param name="mostValues">Values of a tensor beyond which rows are sampled.</param>
internal sealed class ErrorMeasurement(
    GgufShards model, PortRequest request, ColumnWeights? weights, IPortObserver observer, CancellationToken cancellation, int mostValues = 1 << 20)
{
    private const int PieceValues = 1 << 16;

    // Stored, widened, quantised and decoded, and the weights of the columns.
    private const int BytesPerValue = 5 * sizeof(float);

    /// <summary>Measures tensors.</summary>
    /// <param name="tensors">Matrices, or stacks of them.</param>
    public IReadOnlyList<MeasuredTensor> Run(IReadOnlyList<TensorPlan> tensors)
    {
        var pieces = tensors.SelectMany(Cut).ToArray();
        var sums = new double[pieces.Length][];
        var total = pieces.Sum(p => (long)p.Rows.Length * tensors[p.Tensor].RowLength);
        var largest = pieces.Max(p => p.Rows.Length * tensors[p.Tensor].RowLength);
        var affordable = Math.Max(1, request.MemoryBudget / (largest * BytesPerValue));
        long done = 0;
        Parallel.For(
            0,
            pieces.Length,
            new ParallelOptions { MaxDegreeOfParallelism = (int)Math.Min(request.Threads, affordable), CancellationToken = cancellation },
            () => new Buffers(largest),
            (i, _, buffers) =>
            {
                var tensor = tensors[pieces[i].Tensor];
                sums[i] = Measure(tensor, pieces[i], buffers);
                observer.Progress(new PortProgress("errors", Interlocked.Add(ref done, pieces[i].Rows.Length * tensor.RowLength), total, tensor.Name));
                return buffers;
            },
            _ => { });
        return [.. tensors.Select((t, i) => Sum(t, [.. Enumerable.Range(0, pieces.Length).Where(p => pieces[p].Tensor == i).Select(p => (pieces[p], sums[p]))]))];
    }

    private IReadOnlyList<GgmlType> TypesOf(TensorPlan tensor) => CandidateTypes.Of(tensor.RowLength, Stored(tensor).Type);

    private GgufTensor Stored(TensorPlan tensor) =>
        model.TryGet(tensor.Name, out var stored) ? stored : throw new InvalidOperationException($"The source as GGUF lacks '{tensor.Name}'.");

    private MeasuredTensor Sum(TensorPlan tensor, IReadOnlyList<(Piece Piece, double[] Sums)> pieces)
    {
        var types = TypesOf(tensor);
        var rows = pieces.Sum(p => (long)p.Piece.Rows.Length);
        var square = pieces.Sum(p => p.Sums[^1]);
        return new MeasuredTensor(
            tensor,
            square / (rows * tensor.RowLength),
            rows,
            [.. types.Select((t, j) => new TypeError(t, square == 0 ? 0 : pieces.Sum(p => p.Sums[j]) / square))]);
    }

    /// <summary>The weighted squared error of each candidate, and the sum of squared values.</summary>
    private double[] Measure(TensorPlan tensor, Piece piece, Buffers buffers)
    {
        var (types, stored, length) = (TypesOf(tensor), Stored(tensor), (int)tensor.RowLength);
        var count = piece.Rows.Length * length;
        var values = buffers.Values.AsSpan(0, count);
        var decoded = buffers.Decoded.AsSpan(0, count);
        var rowBytes = (int)GgmlTypes.RowBytes(stored.Type, length);
        for (var i = 0; i < piece.Rows.Length; i++)
        {
            var bytes = buffers.Blocks.AsSpan(0, rowBytes);
            model.Read(stored, piece.Rows[i] * rowBytes, bytes);
            TensorDecoder.Decode(stored.Type, bytes, values.Slice(i * length, length));
        }

        var columns = buffers.Weights.AsSpan(0, length);
        var weighted = weights is not null && weights(tensor, piece.Matrix, columns);
        var mean = weighted ? Mean(columns) : 1;
        var sums = new double[types.Count + 1];
        for (var j = 0; j < types.Count; j++)
        {
            if (types[j] == stored.Type)
            {
                continue;
            }

            var blocks = buffers.Blocks.AsSpan(0, (int)GgmlTypes.RowBytes(types[j], count));
            if (types[j] == GgmlType.F16)
            {
                Narrow.ToHalf(values, MemoryMarshal.Cast<byte, ushort>(blocks));
            }
            else
            {
                BlockQuantizer.Quantize((BlockType)types[j], values, blocks, length, weighted ? columns : []);
            }

            TensorDecoder.Decode(types[j], blocks, decoded);
            for (var i = 0; i < count; i += length)
            {
                sums[j] += SquaredError.Sum(values.Slice(i, length), decoded.Slice(i, length), weighted ? columns : []) / mean;
            }
        }

        decoded.Clear();
        sums[^1] = SquaredError.Sum(values, decoded);
        return sums;
    }

    private static double Mean(ReadOnlySpan<float> weights)
    {
        double sum = 0;
        foreach (var weight in weights)
        {
            sum += weight;
        }

        return sum > 0 ? sum / weights.Length : 1;
    }

    /// <summary>Cuts what is measured of a tensor: rows at even distances in each of its matrices, as many at a time as a piece holds.</summary>
    private IEnumerable<Piece> Cut(TensorPlan tensor, int index)
    {
        var matrices = tensor.Shape.Skip(2).Aggregate(1L, (a, b) => a * b);
        var (rows, length) = (tensor.RowCount / matrices, tensor.RowLength);
        var measured = Math.Clamp(mostValues / matrices / length, 1, rows);
        var together = (int)Math.Clamp(PieceValues / length, 1, measured);
        for (var matrix = 0; matrix < matrices; matrix++)
        {
            for (long first = 0; first < measured; first += together)
            {
                yield return new Piece(index, matrix, [.. Enumerable.Range(0, (int)Math.Min(together, measured - first)).Select(i => matrix * rows + (2 * (first + i) + 1) * rows / (2 * measured))]);
            }
        }
    }

    /// <summary>Rows of one matrix.</summary>
    private sealed record Piece(int Tensor, int Matrix, long[] Rows);

    private sealed class Buffers(long values)
    {
        public float[] Values { get; } = new float[values];

        public float[] Decoded { get; } = new float[values];

        public float[] Weights { get; } = new float[values];

        public byte[] Blocks { get; } = new byte[values * sizeof(float)];
    }
}
