using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Parity;
using ModelPort.Parity;

namespace ModelPort.Tests.Onnx;

/// <summary>Whether an output is the expected one, by the numbers of the parity checker and by the criterion of the ONNX project's own tests.</summary>
internal static class ExpectedOutput
{
    /// <summary>Whether every value is within a tolerance, and what the checker says of them agrees.</summary>
    public static bool Matches(EngineTensor expected, EngineTensor actual, double absolute, double relative)
    {
        if (!expected.Shape.SequenceEqual(actual.Shape) || OutputValues.Of(expected) is not { } left || OutputValues.Of(actual) is not { } right)
        {
            return false;
        }

        var comparison = new OutputComparison("y");
        comparison.Add(left, right, 0);
        var largest = comparison.Figures(Subject.Port, Reference.Source).Single(f => f.Name == Metric.LargestOutputDifference.Name).Value;
        var within = left.Zip(right).All(p => p.First.Equals(p.Second) || Math.Abs(p.First - p.Second) <= absolute + (relative * Math.Abs(p.First)));
        return within && largest <= absolute + (relative * left.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max());
    }
}
