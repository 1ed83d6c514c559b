using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>ONNX files that exist already, whoever made them, against the model that they were made of.</summary>
public sealed class OnnxValidationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly QuietObserver _observer = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_port_of_our_own_has_the_numbers_of_its_manifest()
    {
        var request = Digits(("Precision", "INT8"), ("Calibration", Path.Combine(DigitsModel.Folder, "calibration.safetensors")));
        var ported = PortPipeline.Run(request, _observer, TestContext.Current.CancellationToken);
        var outcome = OnnxValidation.Run(ported.OutputPaths[0], request with { OutputDirectory = _folder["scratch"] }, _observer, TestContext.Current.CancellationToken);
        Assert.Equal(ported.Manifest.Source.Sha256, outcome.Source.Value);
        Assert.Equal(ported.Manifest.Outputs[0].Metrics, outcome.Figures);
        Assert.Equal(ported.Manifest.Outputs[0].Budgets, outcome.Budgets);
        Assert.Equal(ported.Manifest.Evaluation, outcome.Basis);
        Assert.True(outcome.Kept);
        Assert.Equal(497, Assert.Single(outcome.Tasks).Questions);
        Assert.Equal(ported.Manifest.Outputs[0].Kernels!.PortRuns, outcome.Kernels.PortRuns);

        // What runs on other hardware is known of a file no more than of a port.
        var elsewhere = OnnxValidation.Run(ported.OutputPaths[0], Digits(("HardwareTarget", "arm64")) with { OutputDirectory = _folder["scratch"] }, _observer, TestContext.Current.CancellationToken);
        Assert.Null(elsewhere.Kernels.PortRuns);
        Assert.Contains("arm64", elsewhere.Kernels.NotKnown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_tool_is_measured_and_a_missed_budget_names_the_node_that_adds_the_error()
    {
        // A tool that lost a layer: its weights are zero.
        using (var model = DigitsModel.Open())
        {
            var weights = model.Proto.Graph.Initializer;
            weights[weights.IndexOf(weights.Single(t => t.Name == "6.weight"))] = OnnxGraphs.Weight("6.weight", [64, 32, 3, 3], new float[64 * 32 * 9]);
            model.Save(_folder["theirs.onnx"]);
        }

        var outcome = OnnxValidation.Run(_folder["theirs.onnx"], Digits(("MaxAccuracyDrop", "1")) with { OutputDirectory = _folder["scratch"] }, _observer, TestContext.Current.CancellationToken);
        Assert.False(outcome.Kept);
        // Without a precision nobody knows what may be lost: the user's limits alone hold.
        Assert.Equal("MaxAccuracyDrop", Assert.Single(outcome.Budgets).Name);
        Assert.True(outcome.Figures.Find(Metric.AccuracyDrop, Subject.Port, Reference.Source, "eval.safetensors")!.Value > 20);
        Assert.Contains("Conv", outcome.Layers[0].Operator, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder["scratch"]));
    }

    [Fact]
    public void What_takes_or_gives_something_else_is_refused_with_every_difference()
    {
        Model("source", OnnxGraphs.Floats(-1, 3), "y");
        Model("other", OnnxGraphs.Floats(-1, 4), "logits");
        var error = Assert.Throws<ModelPortException>(() => Validated("other")).Diagnostic;
        Assert.Equal(("MP3043", _folder["other.onnx"]), (error.Code, error.File));
        Assert.Contains("the input 'x' is FLOAT [d0, 4] instead of FLOAT [d0, 3]", error.Message, StringComparison.Ordinal);
        Assert.Contains("the output 'y: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("the output 'logits: ", error.Message, StringComparison.Ordinal);

        Model("half", OnnxTypes.Tensor(DataType.Float16, [1, 3]), "y");
        Assert.Contains("FLOAT16 [1, 3] instead of FLOAT [d0, 3]", Assert.Throws<ModelPortException>(() => Validated("half")).Diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_takes_less_is_measured_with_a_warning()
    {
        Model("source", OnnxGraphs.Floats(-1, 3), "y");
        Model("fixed", OnnxGraphs.Floats(1, 3), "y");
        Assert.Equal(0, Validated("fixed").Figures.Find(Metric.LargestOutputDifference, Subject.Port, Reference.Source, "y")!.Value);
        Assert.Contains("'x' is FLOAT [1, 3] instead of FLOAT [d0, 3]", Assert.Single(_observer.Warnings, w => w.Code == "MP3044").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_or_damaged_or_of_no_use_is_named()
    {
        Model("source", OnnxGraphs.Floats(-1, 3), "y");
        File.WriteAllText(_folder["damaged.onnx"], "In the beginning");
        Assert.Equal(("MP1002", _folder["none.onnx"]), Refusal("none"));
        Assert.Equal(("MP1005", _folder["damaged.onnx"]), Refusal("damaged"));
        Model("unknown", OnnxGraphs.Floats(-1, 3), "y", "Nothing");
        Assert.Equal(_folder["unknown.onnx"], Refusal("unknown").File);
    }

    private (string Code, string File) Refusal(string name)
    {
        var error = Record.Exception(() => Validated(name));
        Assert.NotNull(error);
        var diagnostic = Diagnose.From(error, _folder[name + ".onnx"]);
        return (diagnostic.Code, diagnostic.File);
    }

    private OnnxValidationOutcome Validated(string name) => OnnxValidation.Run(
        _folder[name + ".onnx"],
        Request(_folder["source.onnx"], ("Evaluation", DataFiles.Write(_folder["data.safetensors"], ("x", OnnxGraphs.Random(1, 12), [4, 3])))),
        _observer,
        TestContext.Current.CancellationToken);

    private void Model(string name, TypeProto type, string output, string operation = "Relu")
    {
        using var model = OnnxGraphs.Of(type, type.Clone(), [OnnxGraphs.Node(operation, "x", output)], []);
        model.Proto.Graph.Output[0].Name = output;
        model.Save(_folder[name + ".onnx"]);
    }

    private PortRequest Digits(params (string Name, string Value)[] options) =>
        Request(Path.Combine(DigitsModel.Folder, "model.onnx"), [.. options, ("Evaluation", Path.Combine(DigitsModel.Folder, "eval.safetensors"))]);

    private PortRequest Request(string source, params (string Name, string Value)[] options) => PortRequest.Parse(
        source, _folder["out"], options.ToDictionary(o => o.Name, o => o.Value), new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = "none" }, "");
}
