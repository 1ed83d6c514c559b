using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>A recurrent model: its state is what it made of the sample before, within a sequence.</summary>
public sealed class StatefulModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StatefulModelTests()
    {
        // y = total + x, and that is the next total.
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(-1, 1), OnnxGraphs.Floats(-1, 1), [OnnxGraphs.Node("Add", "x,total", "y"), OnnxGraphs.Node("Identity", "y", "next")], []);
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "total", Type = OnnxGraphs.Floats(-1, 1) });
        model.Proto.Graph.Output.Add(new ValueInfoProto { Name = "next", Type = OnnxGraphs.Floats(-1, 1) });
        model.Save(_folder["sum.onnx"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void State_is_carried_over_a_sequence() => Sums([1, 3, 6, 10]);

    [Fact]
    public void State_begins_anew_with_another_sequence() => Sums([1, 3, 3, 7], ("sequence", new long[] { 0, 0, 1, 1 }, [4]));

    [Fact]
    public void A_state_of_the_data_is_what_a_sequence_begins_with() => Sums([11, 13, 16, 20], ("total", new float[] { 10, 10, 10, 10 }, [4, 1]));

    // The reference outputs are what it must compute; the port is the model itself.
    private void Sums(float[] expected, params (string, Array, long[])[] more)
    {
        var data = DataFiles.Write(_folder["data.safetensors"], [("x", new float[] { 1, 2, 3, 4 }, [4, 1]), ("y", expected, [4, 1]), .. more]);
        var metadata = new Dictionary<string, string> { ["Evaluation"] = data, ["StatePairs"] = "next=total" };
        var request = PortRequest.Parse(_folder["sum.onnx"], _folder["out"], metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = "none" }, "");
        var figures = PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken).Manifest.Outputs[0].Metrics;
        Assert.Equal(0, figures.Find(Metric.LargestOutputDifference, Subject.Source, Reference.ReferenceOutputs, "y")!.Value);
        Assert.Equal(0, figures.Find(Metric.LargestOutputDifference, Subject.Port, Reference.ReferenceOutputs, "y")!.Value);
    }
}
