using ModelPort.Engines.OnnxRuntime;

namespace ModelPort.Parity.Outputs;

/// <summary>Compares an output of two models, over as many runs as there are; memory does not grow with them. Sums are in double precision.</summary>
/// <param name="absoluteTolerance">How far a value may be from the expected one...</param>
/// <param name="relativeTolerance">...plus this part of the expected one's size, before it counts as outside.</param>
public sealed class TensorComparison(double absoluteTolerance = 0, double relativeTolerance = 0)
{
    private long _values;
    private long _broken;
    private long _outside;
    private double _max;
    private double _sum;
    private double _squaredDifference;
    private double _squaredExpected;
    private double _squaredActual;
    private double _product;

    /// <summary>The figures over everything that was added.</summary>
    public TensorDifference Difference => _broken > 0
        ? new(_values, _broken, double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity, double.NaN, _outside)
        : new(_values, 0, _max, _values == 0 ? 0 : _sum / _values, Relative(), Cosine(), _outside);

    /// <summary>Adds an output of one run. The types may differ, as an FP16 model may answer in FP16.</summary>
    /// <exception cref="ArgumentException">The shapes differ, or a tensor holds strings.</exception>
    public void Add(EngineTensor expected, EngineTensor actual)
    {
        if (!expected.Shape.SequenceEqual(actual.Shape))
        {
            throw new ArgumentException($"A tensor of shape [{string.Join(", ", actual.Shape.ToArray())}] was compared with one of [{string.Join(", ", expected.Shape.ToArray())}].", nameof(actual));
        }

        var left = new TensorNumbers(expected);
        var right = new TensorNumbers(actual);
        for (var i = 0; i < left.Count; i++)
        {
            Add(left[i], right[i], left.Difference(right, i));
        }
    }

    /// <summary>Adds values.</summary>
    /// <exception cref="ArgumentException">There are more of one than of the other.</exception>
    public void Add(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        if (expected.Length != actual.Length)
        {
            throw new ArgumentException($"{actual.Length} values were compared with {expected.Length}.", nameof(actual));
        }

        for (var i = 0; i < expected.Length; i++)
        {
            Add(expected[i], actual[i], Math.Abs((double)expected[i] - actual[i]));
        }
    }

    private void Add(double expected, double actual, double difference)
    {
        _values++;
        if (!double.IsFinite(expected) || !double.IsFinite(actual))
        {
            if (!expected.Equals(actual))
            {
                _broken++;
                _outside++;
            }

            return;
        }

        if (difference > absoluteTolerance + (relativeTolerance * Math.Abs(expected)))
        {
            _outside++;
        }

        _max = Math.Max(_max, difference);
        _sum += difference;
        _squaredDifference += difference * difference;
        _squaredExpected += expected * expected;
        _squaredActual += actual * actual;
        _product += expected * actual;
    }

    private double Relative() => _squaredDifference == 0 ? 0 : _squaredExpected == 0 ? double.PositiveInfinity : Math.Sqrt(_squaredDifference / _squaredExpected);

    // Nothing may come of rounding where nothing differs.
    private double Cosine() => _squaredDifference == 0 ? 1 : (_squaredExpected == 0, _squaredActual == 0) switch
    {
        (false, false) => Math.Clamp(_product / (Math.Sqrt(_squaredExpected) * Math.Sqrt(_squaredActual)), -1, 1),
        _ => 0,
    };
}
