using System.Globalization;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Choosing;

/// <summary>
/// Changes what comes out of some weights of a model while it evaluates as errors in their values would: each product with a weight W gets E x added, E being
/// a matrix of random signs whose size makes the mean square of its entries a given part of that of W's. The same x always gets the same E x, as with a
/// quantised weight (<see cref="SignMatrix"/>).
/// </summary>
/// <param name="meanSquares">The mean squares of the weights that are disturbed, by name.</param>
/// <param name="amount">The relative squared error.</param>
internal sealed class Disturbance(IReadOnlyDictionary<string, double> meanSquares, double amount) : ILlamaProductObserver
{
    private readonly Dictionary<(string Weight, int Matrix), SignMatrix> _matrices = [];
    private readonly HashSet<string> _met = new(StringComparer.Ordinal);

    /// <summary>The weights that were met.</summary>
    public IReadOnlyCollection<string> Met => _met;

    /// <inheritdoc/>
    public bool Wants(string weight) => meanSquares.ContainsKey(weight);

    /// <inheritdoc/>
    public bool WantsLookups(string weight) => meanSquares.ContainsKey(weight);

    /// <inheritdoc/>
    public void Observe(in LlamaProduct product)
    {
        _met.Add(product.Weight);
        var scale = Math.Sqrt(amount * meanSquares[product.Weight]);
        for (long i = 0; i < product.Rows; i++)
        {
            var result = product.Result(i);
            if (product.IsLookup)
            {
                // The error of a row that is looked up is a part of that row: what is random about it is drawn from the row itself.
                MatrixOf(product, -1).AddTo(result, result, Math.Sqrt(amount / result.Length));
            }
            else
            {
                var row = product.Row(i, out var expert);
                MatrixOf(product, expert).AddTo(result, row, scale);
            }
        }
    }

    private SignMatrix MatrixOf(in LlamaProduct product, int matrix)
    {
        if (!_matrices.TryGetValue((product.Weight, matrix), out var signs))
        {
            signs = new SignMatrix(string.Create(CultureInfo.InvariantCulture, $"{product.Weight} {matrix}"), Math.Max(product.Columns, product.Outputs));
            _matrices.Add((product.Weight, matrix), signs);
        }

        return signs;
    }
}
