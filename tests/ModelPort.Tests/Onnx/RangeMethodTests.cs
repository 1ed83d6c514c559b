using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>What each way to make a range of what was seen leaves of a real model's accuracy.</summary>
public sealed class RangeMethodTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(RangeMethod.MinMax, "cpu")]
    [InlineData(RangeMethod.Entropy, "cpu")]
    [InlineData(RangeMethod.Percentile, "cpu")]
    [InlineData(RangeMethod.MinMax, "tensorrt")]
    [InlineData(RangeMethod.Entropy, "tensorrt")]
    [InlineData(RangeMethod.Percentile, "tensorrt")]
    public void Digits_keep_their_accuracy_however_often_the_same_samples_come(RangeMethod method, string hardware)
    {
        using var model = DigitsModel.Open();
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Static) { Hardware = OnnxHardware.Parse(hardware, "") });
        using var shown = plan.Model.Copy();
        InnerValues.Show(shown, plan.Ranges.Where(name => name != "image"), ends: true);
        var images = DigitsModel.Calibration;
        var values = OnnxGraphs.Run(shown, images, [images.Length / 64, 1, 8, 8]);
        float[] Of(string name) => name == "image" ? images : ((EngineTensor)values[name]).As<float>().ToArray();
        foreach (var times in method == RangeMethod.Entropy ? (int[])[1, 100] : [1])
        {
            var ranges = plan.Ranges.ToDictionary(name => name, name => Range(Of(name), times));
            var (accuracy, _) = DigitsModel.Measure(OnnxTransform.Apply(plan, ranges).Model, GraphOptimization.All);
            output.WriteLine($"{method} {hardware}, {times} times: {100 * accuracy:F2} %");
            Assert.InRange(100 * accuracy, 98.99 - 0.5, 100);

            // Around zero there are fewer levels for what GELU gives than over its range, and it pays to cut some of its tail.
            Assert.Equal((method, hardware) is (RangeMethod.Percentile, _) or (RangeMethod.Entropy, "tensorrt"), ranges.Any(range => range.Value.Max < Of(range.Key).Max()));
            // Around zero there are half as many levels for what GELU gives, so that entropy cuts some of it.
        }

        ValueRange Range(float[] seen, int times)
        {
            var histogram = new ValueHistogram();
            histogram.Widen(seen);
            for (var i = 0; i < times; i++)
            {
                histogram.Add(seen);
            }

            return histogram.Range(method, 99.99, plan.Request.IsSymmetric);
        }
    }
}
