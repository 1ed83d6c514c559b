using System.Numerics.Tensors;
using ModelPort.Parity;

namespace ModelPort.Onnx.Parity;

/// <summary>Compares an output with a reference, sample after sample. What it keeps does not grow with the samples but for one number each.</summary>
/// <param name="name">The output's name.</param>
internal sealed class OutputComparison(string name)
{
    private readonly List<double> _means = [];
    private readonly List<double> _cosines = [];
    private double _largest;
    private double _squaredDifferences;
    private double _squaredReferences;
    private double _squaredFounds;
    private double _products;
    private bool _isOneNumber = true;
    private long _rows;
    private long _agreeing;

    /// <summary>Compares the samples of a run.</summary>
    /// <param name="reference">The values that are expected, sample after sample.</param>
    /// <param name="found">The values that are there, as many.</param>
    /// <param name="samples">The samples that they are of.</param>
    /// <param name="classes">Values of which the largest is an answer, where they are answers; else 0.</param>
    public void AddRun(ReadOnlySpan<double> reference, ReadOnlySpan<double> found, int samples, int classes)
    {
        var each = reference.Length / samples;
        for (var i = 0; i < samples; i++)
        {
            Add(reference.Slice(i * each, each), found.Slice(i * each, each), classes);
        }
    }

    /// <summary>Compares one sample.</summary>
    /// <param name="reference">The values that are expected.</param>
    /// <param name="found">The values that are there, as many.</param>
    /// <param name="classes">Values of which the largest is an answer, where they are answers; else 0.</param>
    public void Add(ReadOnlySpan<double> reference, ReadOnlySpan<double> found, int classes)
    {
        double sum = 0, largest = 0, product = 0, ofReference = 0, ofFound = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            var difference = Difference(reference[i], found[i]);
            sum += difference;
            // NaN is carried on: it is no small difference.
            largest = double.IsNaN(difference) ? difference : Math.Max(largest, difference);
            _squaredDifferences += difference * difference;
            product += reference[i] * found[i];
            ofReference += reference[i] * reference[i];
            ofFound += found[i] * found[i];
        }

        _squaredReferences += ofReference;
        _squaredFounds += ofFound;
        _products += product;
        _isOneNumber &= reference.Length == 1;
        _largest = double.IsNaN(_largest) || double.IsNaN(largest) ? double.NaN : Math.Max(_largest, largest);
        _means.Add(reference.Length == 0 ? 0 : sum / reference.Length);
        _cosines.Add(Cosine(product, ofReference, ofFound));
        for (var start = 0; classes > 1 && start + classes <= reference.Length; start += classes)
        {
            _rows++;
            _agreeing += TensorPrimitives.IndexOfMax(reference.Slice(start, classes)) == TensorPrimitives.IndexOfMax(found.Slice(start, classes)) ? 1 : 0;
        }
    }

    /// <summary>What was found.</summary>
    /// <param name="of">Whose values are compared.</param>
    /// <param name="against">Whose they are compared with.</param>
    public IEnumerable<Figure> Figures(Subject of, Reference against)
    {
        Figure Number(Metric metric, double value, double? error = null) => Figure.For(metric, of, against, value, error) with { On = name };
        yield return Number(Metric.LargestOutputDifference, _largest);
        yield return Number(Metric.MeanOutputDifference, _means.Average(), MeanError(_means));
        yield return Number(Metric.RelativeOutputError, 100 * (_squaredDifferences == 0 ? 0 : Math.Sqrt(_squaredDifferences / _squaredReferences)));

        // Between two numbers there is no angle, whatever lies between them: those of all samples are one vector.
        yield return _isOneNumber
            ? Number(Metric.CosineSimilarity, Cosine(_products, _squaredReferences, _squaredFounds))
            : Number(Metric.CosineSimilarity, _cosines.Average(), MeanError(_cosines));
        if (_rows > 0)
        {
            var share = (double)_agreeing / _rows;
            yield return Number(Metric.PredictionAgreement, 100 * share, _rows < 2 ? 0 : 100 * Math.Sqrt(share * (1 - share) / (_rows - 1)));
        }
    }

    /// <summary>The standard error of a mean: the root of the variance by n - 1.</summary>
    internal static double MeanError(IReadOnlyCollection<double> values)
    {
        var mean = values.Average();
        return values.Count < 2 ? 0 : Math.Sqrt(Math.Max(0, values.Average(v => (v - mean) * (v - mean))) / (values.Count - 1));
    }

    // The same infinity, and NaN for NaN, are no difference.
    private static double Difference(double reference, double found) =>
        reference.Equals(found) ? 0 : Math.Abs(reference - found);

    private static double Cosine(double product, double ofReference, double ofFound) =>
        ofReference == 0 && ofFound == 0 ? 1
        : ofReference == 0 || ofFound == 0 ? 0
        : Math.Min(1, product / (Math.Sqrt(ofReference) * Math.Sqrt(ofFound)));
}
