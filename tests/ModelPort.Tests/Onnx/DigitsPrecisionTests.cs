using System.Text.Json;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>The digits model at every precision, in ONNX Runtime, beside what its Python tools reach (reference.json).</summary>
public sealed class DigitsPrecisionTests(ITestOutputHelper output)
{
    private const double Accuracy = 0.9899396300315857;

    // Precision, hardware, the figure of the Python tools in bytes (none: half or a third of the FP32 file with some room), what must come out of fusion.
    public static TheoryData<string, string, string?, string> Ports => new()
    {
        { "FP16", "cpu", null, "" },
        { "INT8-Dynamic", "cpu", "dynamic", "ConvInteger DynamicQuantizeMatMul" },
        { "INT8", "cpu", "qdq_minmax_u8s8_perchannel", "QLinearConv QLinearAveragePool QGemm" },
        { "INT8-Dynamic", "avx2", "dynamic", "ConvInteger DynamicQuantizeMatMul" },
        { "INT8", "avx2", "qdq_minmax_u8s8_perchannel", "QLinearConv QLinearAveragePool QGemm" },
        { "INT8", "arm64", "qdq_minmax_u8s8_perchannel", "" },
        { "INT8", "tensorrt", "qdq_entropy_s8s8", "" },
        { "FP8", "tensorrt", null, "" },
        { "INT4", "cpu", null, "MatMulNBits" },
        { "INT8-Weight", "cpu", null, "MatMulNBits" },
    };

    [Theory]
    [MemberData(nameof(Ports))]
    public void A_port_keeps_the_accuracy_is_small_and_is_fused(string precision, string hardware, string? reference, string fused)
    {
        using var model = DigitsModel.Open();
        var request = new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")) { Hardware = OnnxHardware.Parse(hardware, "") };
        var calibration = DigitsModel.Calibration;
        var port = OnnxGraphs.Port(model, request, calibration, [calibration.Length / 64, 1, 8, 8]);
        var (plain, bytes) = DigitsModel.Measure(port.Model, GraphOptimization.None);

        // ONNX Runtime's fusion takes QuantizeLinear of 8-bit floats for integers and fails, so that FP8 runs there without it only.
        var (optimized, _) = DigitsModel.Measure(port.Model, precision == "FP8" ? GraphOptimization.None : GraphOptimization.All);
        var census = OnnxGraphs.Fused(port.Model, precision == "FP8" ? GraphOptimization.None : GraphOptimization.Extended);
        output.WriteLine($"{precision} {hardware}: {plain:P2}, optimised {optimized:P2}, {bytes} bytes; {OnnxGraphs.Census(census)}");
        output.WriteLine($"converted {OnnxGraphs.Census(port.Record.Operators)}; weights {port.Record.WeightBytesBefore} -> {port.Record.WeightBytesAfter}");
        foreach (var warning in port.Warnings)
        {
            output.WriteLine(warning.ToString());
        }

        Assert.InRange(plain, Accuracy - 0.005, 1);
        Assert.InRange(optimized, Accuracy - 0.005, 1);
        Assert.All(fused.Split(' ', StringSplitOptions.RemoveEmptyEntries), name => Assert.Contains(name, census.Keys));
        Assert.True(port.Record.WeightBytesAfter < port.Record.WeightBytesBefore);
        if (reference is not null)
        {
            using var figures = JsonDocument.Parse(File.ReadAllText(Path.Combine(DigitsModel.Folder, "reference.json")));
            Assert.InRange(bytes, 0, (long)(1.05 * figures.RootElement.GetProperty(reference).GetProperty("bytes").GetInt64()));
        }
    }
}
