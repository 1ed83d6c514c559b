using ModelPort.Formats.Gguf;
using ModelPort.Kernels;
using ModelPort.Porting;

namespace ModelPort.Parity.Attribution;

/// <summary>
/// Compares every value of a port with the source's, in one streaming read of both files. A dropped, swapped or shifted tensor has an error of 1 or 2; what a
/// type loses is far below that, so that a damaged tensor stands out however small its effect.
/// </summary>
/// <param name="source">The source as GGUF, at its own precision.</param>
/// <param name="port">The port.</param>
/// <param name="request">Threads.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class WeightComparison(GgufShards source, GgufShards port, PortRequest request, CancellationToken cancellation)
{
    private const int PieceValues = 1 << 16;
    private const int MostLargest = 20;

    /// <summary>The tensors that both files have in one shape, as the source's file orders them.</summary>
    public IReadOnlyList<(GgufTensor Source, GgufTensor Port)> Common { get; } =
        [.. from tensor in source.Tensors
            let other = port.TryGet(tensor.Name, out var found) ? found : null
            where other is not null && other.Shape.SequenceEqual(tensor.Shape) && TensorDecoder.CanDecode(other.Type)
            select (tensor, other)];

    /// <summary>
    /// The largest relative squared error that a type explains. One of b bits a value loses about 3 / 4^b of a bell curve, and up to 64 / 4^b where each block
    /// has one large value (of Q8_0, 32 / (2 * 127)^2); twice that is explained, but never that all is lost. What a type cannot say because scales are half
    /// floats, whose steps end at 6e-8, is explained too: it is much of a tensor of tiny values.
    /// </summary>
    /// <param name="type">The type.</param>
    /// <param name="meanSquare">The mean of the source's squared values.</param>
    public static double Explained(GgmlType type, double meanSquare)
    {
        var (loss, most) = type switch
        {
            GgmlType.F32 => (1e-9, 0),
            GgmlType.BF16 => (1e-4, 0),
            GgmlType.F16 => (1e-5, 1),
            _ => (Math.Min(0.9, 128 * Math.Pow(4, -8.0 * GgmlTypes.BlockBytes(type) / GgmlTypes.BlockElements(type))), GgmlTypes.BlockElements(type) > 64 ? 4096 : 128),
        };
        var step = most * 3e-8;
        return meanSquare > 0 ? Math.Max(loss, step * step / meanSquare) : loss;
    }

    /// <summary>Compares.</summary>
    /// <returns>What stands out, and the tensors that are not, value by value, the source's own.</returns>
    public (WeightErrors Errors, IReadOnlyList<string> Changed) Run()
    {
        var matrices = Common.SelectMany(t => Enumerable.Range(0, MatricesOf(t.Source)).Select(m => (Tensors: t, Matrix: m))).ToArray();
        var pieces = matrices.SelectMany((m, i) => Cut(m.Tensors.Source, m.Matrix).Select(rows => (Matrix: i, Rows: rows))).ToArray();
        var sums = new (double Error, double Square)[pieces.Length];
        var largest = pieces.Select(p => p.Rows.Count * matrices[p.Matrix].Tensors.Source.Shape[0]).DefaultIfEmpty().Max();
        Parallel.For(
            0,
            pieces.Length,
            new ParallelOptions { MaxDegreeOfParallelism = request.Threads, CancellationToken = cancellation },
            () => new Buffers(largest),
            (i, _, buffers) =>
            {
                sums[i] = Measure(matrices[pieces[i].Matrix].Tensors, pieces[i].Rows, buffers);
                return buffers;
            },
            _ => { });

        // In the order of the pieces, so that figures do not depend on threads.
        var totals = new (double Error, double Square)[matrices.Length];
        foreach (var (piece, sum) in pieces.Zip(sums))
        {
            var total = totals[piece.Matrix];
            totals[piece.Matrix] = (total.Error + sum.Error, total.Square + sum.Square);
        }

        MatrixError[] errors =
        [
            .. matrices.Zip(totals, (m, t) => new MatrixError(
                m.Tensors.Port.Name,
                MatricesOf(m.Tensors.Source) > 1 ? m.Matrix : null,
                GgmlTypes.Name(m.Tensors.Port.Type),
                t.Error == 0 ? 0 : t.Error / t.Square,
                Explained(m.Tensors.Port.Type, t.Square / (ElementsOf(m.Tensors.Source) / MatricesOf(m.Tensors.Source))))),
        ];
        MatrixError[] changed = [.. errors.Where(e => e.Error != 0).OrderByDescending(e => double.IsNaN(e.Error) ? double.PositiveInfinity : e.Error)];
        MatrixError[] unexplained = [.. changed.Where(e => !e.IsExplained)];
        var known = Common.Select(t => t.Source.Name).ToHashSet(StringComparer.Ordinal);
        return (
            new WeightErrors(
                errors.Length,
                [.. changed.Take(MostLargest)],
                [.. unexplained.Take(WeightErrors.MostNamed)],
                unexplained.Length,
                [.. source.Tensors.Concat(port.Tensors).Select(t => t.Name).Distinct(StringComparer.Ordinal).Where(n => !known.Contains(n)).Take(WeightErrors.MostNamed)]),
            [.. changed.Select(e => e.Tensor).Distinct(StringComparer.Ordinal)]);
    }

    private static int MatricesOf(GgufTensor tensor) => (int)tensor.Shape.Skip(2).Aggregate(1L, (a, b) => a * b);

    private static long ElementsOf(GgufTensor tensor) => tensor.Shape.Aggregate(1L, (a, b) => a * b);

    private static IEnumerable<(long First, int Count)> Cut(GgufTensor tensor, int matrix)
    {
        var rows = ElementsOf(tensor) / tensor.Shape[0] / MatricesOf(tensor);
        var together = (int)Math.Clamp(PieceValues / tensor.Shape[0], 1, rows);
        for (long first = 0; first < rows; first += together)
        {
            yield return (matrix * rows + first, (int)Math.Min(together, rows - first));
        }
    }

    private (double Error, double Square) Measure((GgufTensor Source, GgufTensor Port) tensors, (long First, int Count) rows, Buffers buffers)
    {
        var count = checked((int)(rows.Count * tensors.Source.Shape[0]));
        var expected = buffers.Expected.AsSpan(0, count);
        var found = buffers.Found.AsSpan(0, count);
        Read(source, tensors.Source, rows, buffers.Bytes, expected);
        Read(port, tensors.Port, rows, buffers.Bytes, found);
        var error = SquaredError.Sum(expected, found);
        found.Clear();
        return (error, SquaredError.Sum(expected, found));
    }

    private static void Read(GgufShards file, GgufTensor tensor, (long First, int Count) rows, byte[] buffer, Span<float> values)
    {
        var rowBytes = GgmlTypes.RowBytes(tensor.Type, tensor.Shape[0]);
        var bytes = buffer.AsSpan(0, checked((int)(rows.Count * rowBytes)));
        file.Read(tensor, rows.First * rowBytes, bytes);
        TensorDecoder.Decode(tensor.Type, bytes, values);
    }

    private sealed class Buffers(long values)
    {
        public float[] Expected { get; } = new float[values];

        public float[] Found { get; } = new float[values];

        public byte[] Bytes { get; } = new byte[values * sizeof(float)];
    }
}
