using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Data and options that are not those of the model.</summary>
public sealed class OnnxInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public OnnxInputTests()
    {
        // y = x * w, of rows of three.
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(-1, 3), OnnxGraphs.Floats(-1, 3), [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 3, 3)]);
        model.Save(_folder["m.onnx"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_model_that_is_not_there_is_named() => Refused("MP1001", "other.onnx", source: "other.onnx");

    [Fact]
    public void A_file_that_is_no_model_is_refused()
    {
        File.WriteAllText(_folder["text.onnx"], "In the beginning");
        Refused("MP1005", "", source: "text.onnx");
    }

    [Fact]
    public void Nothing_to_measure_on_is_an_error() => Refused("MP1080", "Evaluation");

    [Fact]
    public void Nothing_to_calibrate_with_is_an_error() => Refused("MP1080", "Calibration", Data(("x", new float[3], [1, 3])), precision: "INT8");

    [Fact]
    public void Data_that_are_not_there_are_named() => Refused("MP1002", "none.safetensors", _folder["none.safetensors"]);

    [Fact]
    public void Data_of_another_kind_are_refused()
    {
        File.WriteAllText(_folder["data.csv"], "1,2,3");
        Refused("MP1081", ".csv", _folder["data.csv"]);
    }

    [Fact]
    public void A_missing_input_is_named_with_what_is_there() => Refused("MP1082", "'x: FLOAT", Data(("image", new float[3], [1, 3])));

    [Fact]
    public void Another_type_is_refused() => Refused("MP1083", "Double [1, 3]", Data(("x", new double[3], [1, 3])));

    [Theory]
    [InlineData("1,4")]
    [InlineData("4")]
    [InlineData("2,2,2,3")]
    public void Another_shape_is_refused(string text)
    {
        long[] shape = [.. text.Split(',').Select(long.Parse)];
        Refused("MP1083", "'x' is Float", Data(("x", new float[shape.Aggregate((a, b) => a * b)], shape)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Numbers_that_are_none_are_refused_with_their_sample(float value) => Refused("MP1084", "sample 1", Data(("x", new[] { 1, 2, 3, 4, value, 6 }, [2, 3])));

    [Fact]
    public void No_samples_are_refused() => Refused("MP1085", "no samples", Data(("x", Array.Empty<float>(), [0, 3])));

    [Fact]
    public void Labels_for_other_samples_are_refused() => Refused("MP1085", "2 rows for 1 samples", Data(("x", new float[3], [1, 3]), ("labels", new long[2], [2])));

    [Theory]
    [InlineData(3)]
    [InlineData(-1)]
    public void A_label_that_is_no_class_is_refused(long label) => Refused("MP1087", "3 classes", Data(("x", new float[3], [1, 3]), ("labels", new[] { label }, [1])));

    [Fact]
    public void An_array_that_is_used_for_nothing_is_a_warning()
    {
        var observer = new QuietObserver();
        PortPipeline.Run(Request("m.onnx", Data(("x", new float[3], [1, 3]), ("lables", new long[1], [1])), "FP32"), observer, TestContext.Current.CancellationToken);
        Assert.Contains("'lables'", Assert.Single(observer.Warnings, w => w.Code == "MP1086").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calibration_without_use_is_a_warning()
    {
        var observer = new QuietObserver();
        var data = Data(("x", new float[3], [1, 3]));
        PortPipeline.Run(Request("m.onnx", data, "FP32", ("Calibration", data)), observer, TestContext.Current.CancellationToken);
        Assert.Single(observer.Warnings, w => w.Code == "MP1090");
    }

    [Theory]
    [InlineData("EvaluationWindow", "256")]
    [InlineData("MaxPerplexityIncrease", "2")]
    public void Options_of_the_other_runtime_are_refused(string name, string value) => Refused("MP1088", name, more: (name, value));

    [Theory]
    [InlineData("Precision", "Q4_K_M", "MP1100")]
    [InlineData("HardwareTarget", "gpu", "MP1101")]
    [InlineData("Runtime", "llama.cpp", "MP1020")]
    [InlineData("CalibrationMethod", "Best", "MP1020")]
    [InlineData("CalibrationPercentile", "99", "MP1020")]
    [InlineData("StatePairs", "state", "MP1020")]
    [InlineData("Precison", "INT8", "MP1019")]
    public void Options_are_checked(string name, string value, string code) => Refused(code, value == "INT8" ? name : "", more: (name, value));

    [Fact]
    public void State_that_the_model_does_not_have_is_refused() => Refused("MP1089", "'z' is no output", Data(("x", new float[3], [1, 3])), more: ("StatePairs", "z=x"));

    [Fact]
    public void A_value_without_a_range_is_refused()
    {
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(-1, 3),
            OnnxGraphs.Floats(-1, 3),
            [OnnxGraphs.Node("Log", "x", "l"), OnnxGraphs.Node("MatMul", "l,w", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 3, 3)]);
        model.Save(_folder["log.onnx"]);
        var data = Data(("x", new[] { 1f, 0, 2 }, [1, 3]));
        Refused("MP1091", "'l'", data, "log.onnx", "INT8", ("Calibration", data));
    }

    private string Data(params (string, Array, long[])[] arrays) => DataFiles.Write(_folder["data.safetensors"], arrays);

    private void Refused(string code, string named, string? evaluation = null, string source = "m.onnx", string precision = "FP32", params (string, string)[] more)
    {
        var error = Record.Exception(() => PortPipeline.Run(Request(source, evaluation, precision, more), new QuietObserver(), TestContext.Current.CancellationToken));
        Assert.NotNull(error);
        var diagnostic = Diagnose.From(error, "");
        Assert.Equal(code, diagnostic.Code);
        Assert.Contains(named, diagnostic.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]) && Directory.EnumerateFiles(_folder["out"]).Any(f => Path.GetFileName(f) != ".modelport.lock"), "Something was left in the output folder.");
    }

    private PortRequest Request(string source, string? evaluation, string precision, params (string Name, string Value)[] more)
    {
        var metadata = new Dictionary<string, string> { ["Precision"] = precision, ["Evaluation"] = evaluation ?? "" };
        foreach (var (name, value) in more)
        {
            metadata[name] = value;
        }

        return PortRequest.Parse(_folder[source], _folder["out"], metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = "none" }, "app.csproj");
    }
}
