using System.Collections.Immutable;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Importance;

namespace ModelPort.Calibration;

/// <summary>
/// Sums the squared activations of every weight in the blocks while a model evaluates, as llama-imatrix does (tools/imatrix/imatrix.cpp): one count of
/// activations for a matrix, one for each of several experts. Embedding and output matrix are not among them. Sums are kept in double precision.
/// </summary>
/// <param name="source">The model, for messages.</param>
internal sealed class ImportanceCollector(string source) : ILlamaProductObserver
{
    private const string InBlocks = "blk.";

    private readonly SortedDictionary<string, Sums> _weights = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Wants(string weight) => weight.StartsWith(InBlocks, StringComparison.Ordinal);

    /// <inheritdoc/>
    /// <exception cref="ModelPortException">MP2020: an activation is not finite, or a sum leaves the range of F32.</exception>
    public void Observe(in LlamaProduct product)
    {
        if (!_weights.TryGetValue(product.Weight, out var weight))
        {
            _weights.Add(product.Weight, weight = new Sums(product.Columns, product.Matrices));
        }

        weight.Add(product);
        if (!(TensorPrimitives.Max<double>(weight.Values) <= float.MaxValue))
        {
            throw new ModelPortException(Diagnose.ActivationNonFinite(source, product.Weight));
        }
    }

    /// <summary>Writes the sums so far, to the last bit.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_weights.Count);
        foreach (var (name, sums) in _weights)
        {
            writer.Write(name);
            sums.Save(writer);
        }
    }

    /// <summary>Takes over what <see cref="Save"/> wrote.</summary>
    public void Load(BinaryReader reader)
    {
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            _weights[reader.ReadString()] = Sums.Load(reader);
        }
    }

    /// <summary>The entries collected so far.</summary>
    public ImmutableSortedDictionary<string, ImportanceEntry> Entries() =>
        _weights.ToImmutableSortedDictionary(w => w.Key, w => w.Value.ToEntry(), StringComparer.Ordinal);

    /// <summary>The sums of one weight, matrix after matrix.</summary>
    private sealed class Sums(int columns, int matrices)
    {
        private readonly double[] _values = new double[checked(columns * matrices)];
        private readonly long[] _counts = new long[matrices];
        private bool _isRouted;

        public ReadOnlySpan<double> Values => _values;

        public static Sums Load(BinaryReader reader)
        {
            var sums = new Sums(reader.ReadInt32(), reader.ReadInt32()) { _isRouted = reader.ReadBoolean() };
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(sums._counts.AsSpan()));
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(sums._values.AsSpan()));
            return sums;
        }

        public void Save(BinaryWriter writer)
        {
            writer.Write(columns);
            writer.Write(matrices);
            writer.Write(_isRouted);
            writer.Write(MemoryMarshal.AsBytes(_counts.AsSpan()));
            writer.Write(MemoryMarshal.AsBytes(_values.AsSpan()));
        }

        public void Add(in LlamaProduct product)
        {
            for (long i = 0; i < product.Rows; i++)
            {
                var row = product.Row(i, out var matrix);
                AddSquares(row, _values.AsSpan(matrix * columns, columns));
                _counts[matrix] += product.IsRouted ? 1 : 0;
            }

            if (product.IsRouted)
            {
                _isRouted = true;
                return;
            }

            // All matrices of a weight that nothing is routed to see as much.
            for (var matrix = 0; matrix < matrices; matrix++)
            {
                _counts[matrix] += product.Rows / matrices;
            }
        }

        public ImportanceEntry ToEntry() => new(Array.ConvertAll(_values, sum => (float)sum), _isRouted ? [.. _counts] : [_counts[0]]);

        private static void AddSquares(ReadOnlySpan<float> row, Span<double> sums)
        {
            var vectors = MemoryMarshal.Cast<float, Vector<float>>(row);
            var targets = MemoryMarshal.Cast<double, Vector<double>>(sums);
            for (var i = 0; i < vectors.Length; i++)
            {
                Vector.Widen(vectors[i], out var low, out var high);
                targets[2 * i] += low * low;
                targets[2 * i + 1] += high * high;
            }

            for (var i = vectors.Length * Vector<float>.Count; i < row.Length; i++)
            {
                sums[i] += (double)row[i] * row[i];
            }
        }
    }
}
