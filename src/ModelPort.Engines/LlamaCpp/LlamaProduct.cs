using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>
/// A weight and the rows of activations that it was multiplied with. A weight is one matrix, or several (experts) of which each row meets one. A lookup
/// has no activations: its results are rows of the weight. The memory is the engine's: nothing of it may be kept.
/// </summary>
public readonly unsafe ref struct LlamaProduct
{
    private readonly GgmlTensor* _results;
    private readonly GgmlTensor* _inputs;
    private readonly GgmlTensor* _chosen;
    private readonly long _weightPlanes;
    private readonly long _weightCubes;

    internal LlamaProduct(string weight, GgmlTensor* product, TensorGuard operations)
    {
        Weight = weight;
        IsRouted = product->Operation == operations.RoutedProduct;
        IsLookup = product->Operation == operations.Lookup;
        _results = product;
        _inputs = product->Source(IsLookup ? 0 : 1);
        _chosen = IsRouted ? product->Source(2) : null;
        _weightPlanes = product->Source(0)->Shape[2];
        _weightCubes = product->Source(0)->Shape[3];
        Columns = checked((int)_inputs->Shape[0]);
        Matrices = checked((int)(_weightPlanes * _weightCubes));
        Outputs = checked((int)product->Shape[0]);
        Rows = IsLookup ? product->Shape[1] * product->Shape[2] * product->Shape[3]
            : IsRouted ? _chosen->Shape[0] * _chosen->Shape[1] : _inputs->Shape[1] * _inputs->Shape[2] * _inputs->Shape[3];
    }

    /// <summary>The weight's name.</summary>
    public string Weight { get; }

    /// <summary>Whether each row was sent to an expert that the model chose for it.</summary>
    public bool IsRouted { get; }

    /// <summary>Whether rows of the weight were looked up, and nothing was multiplied.</summary>
    public bool IsLookup { get; }

    /// <summary>Values in a row, and columns of the weight.</summary>
    public int Columns { get; }

    /// <summary>Values in a row of results.</summary>
    public int Outputs { get; }

    /// <summary>Matrices in the weight: its experts, or 1.</summary>
    public int Matrices { get; }

    /// <summary>Rows of activations; with experts a token counts once for each that it was sent to.</summary>
    public long Rows { get; }

    /// <summary>A row of activations.</summary>
    /// <param name="row">Its index.</param>
    /// <param name="matrix">The matrix it was multiplied with.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="InvalidOperationException">This is a lookup.</exception>
    public ReadOnlySpan<float> Row(long row, out int matrix)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)row, (ulong)Rows, nameof(row));
        if (IsLookup)
        {
            throw new InvalidOperationException($"Rows of {Weight} were looked up: there are no activations.");
        }

        long line, plane, cube = 0;
        if (IsRouted)
        {
            // All tokens of the first choice, then all of the second. Inputs that do not differ between the choices are there once.
            var (choice, token) = Math.DivRem(row, _chosen->Shape[1]);
            matrix = *(int*)(_chosen->Data + choice * (long)_chosen->Strides[0] + token * (long)_chosen->Strides[1]);
            (line, plane) = (choice % _inputs->Shape[1], token);
        }
        else
        {
            (plane, line) = Math.DivRem(row, _inputs->Shape[1]);
            (cube, plane) = Math.DivRem(plane, _inputs->Shape[2]);
            matrix = (int)((cube % _weightCubes * _weightPlanes) + (plane % _weightPlanes));
        }

        return new ReadOnlySpan<float>(_inputs->Data + line * (long)_inputs->Strides[1] + plane * (long)_inputs->Strides[2] + cube * (long)_inputs->Strides[3], Columns);
    }

    /// <summary>What came out for a row of activations, in 32-bit floats. It may be changed: the model then goes on with what is written.</summary>
    /// <param name="row">The row's index.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public Span<float> Result(long row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)row, (ulong)Rows, nameof(row));
        long line, plane, cube = 0;
        if (IsRouted)
        {
            (line, plane) = Math.DivRem(row, _chosen->Shape[1]);
        }
        else
        {
            (plane, line) = Math.DivRem(row, _results->Shape[1]);
            (cube, plane) = Math.DivRem(plane, _results->Shape[2]);
        }

        return new Span<float>(_results->Data + line * (long)_results->Strides[1] + plane * (long)_results->Strides[2] + cube * (long)_results->Strides[3], Outputs);
    }
}
