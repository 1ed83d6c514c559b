using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>The bytes of quantised weights against formulas written plainly, and runs against the same arithmetic on floats.</summary>
public sealed class QuantisedWeightTests
{
    // Two products of them and the greatest value fit 16 bits, in which processors without VNNI add them.
    [Theory]
    [InlineData("INT8")]
    [InlineData("INT8-Dynamic")]
    public void Weights_for_processors_without_VNNI_cannot_overflow(string precision)
    {
        float[] x = OnnxGraphs.Random(3, 16, 2);
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 16), null, [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 16, 8)]);
        int Largest(OnnxHardware hardware) => Bytes(OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")) { Hardware = hardware }, x, [1, 16]).Model, "w_q").Max(value => Math.Abs((int)(sbyte)value));
        Assert.Equal(127, Largest(OnnxHardware.Cpu));
        Assert.Equal(64, Largest(OnnxHardware.Avx2));
        Assert.InRange(2 * 255 * Largest(OnnxHardware.Avx2), 1, short.MaxValue);
    }

    [Fact]
    public void INT8_weights_and_biases_are_what_the_formulas_say()
    {
        float[] filter = OnnxGraphs.Random(1, 8 * 4 * 9), bias = [.. OnnxGraphs.Random(2, 7), 0], x = OnnxGraphs.Random(3, 4 * 25, 2);
        filter.AsSpan(2 * 36, 36).Clear();
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 4, 5, 5), null, [OnnxGraphs.Node("Conv", "x,w,b", "y")], [OnnxGraphs.Weight("w", [8, 4, 3, 3], filter), OnnxGraphs.Weight("b", [8], bias)]);
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, [1, 4, 5, 5]).Model;

        var activation = (float)(((double)Math.Max(x.Max(), 0) - Math.Min(x.Min(), 0)) / 255);
        var scales = Floats(port, "w_s");
        for (var channel = 0; channel < 8; channel++)
        {
            var values = filter[(36 * channel)..(36 * (channel + 1))];
            var scale = channel == 2 ? 1 : values.Max(Math.Abs) / 127;
            Assert.Equal(scale, scales[channel]);
            Assert.Equal(values.Select(value => (sbyte)Math.Round(value / scale)), Bytes(port, "w_q").Skip(36 * channel).Take(36).Select(value => (sbyte)value));
            Assert.Equal(activation * scale, Floats(port, "b_s")[channel]);
            Assert.Equal((int)Math.Round(bias[channel] / (double)(activation * scale)), MemoryMarshal.Cast<byte, int>(Bytes(port, "b_q"))[channel]);
        }
    }

    [Fact]
    public void A_bias_that_32_bits_cannot_hold_makes_the_steps_of_its_weights_larger()
    {
        float[] filter = [.. OnnxGraphs.Random(1, 4, 1e-9f), .. OnnxGraphs.Random(2, 4)], x = OnnxGraphs.Random(3, 4 * 25, 2);
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 4, 5, 5), null, [OnnxGraphs.Node("Conv", "x,w,b", "y")], [OnnxGraphs.Weight("w", [2, 4, 1, 1], filter), OnnxGraphs.Weight("b", [2], 3, -3)]);
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, [1, 4, 5, 5]);
        Assert.All(OnnxGraphs.RunY(port.Model, x, [1, 4, 5, 5])[..25], value => Assert.InRange(value, 2.9f, 3.1f));
    }

    [Theory]
    [InlineData(4, false, 32, 70)]
    [InlineData(4, true, 16, 64)]
    [InlineData(4, false, 128, 33)]
    [InlineData(8, true, 32, 70)]
    public void Blocks_multiply_as_their_codes_say(int bits, bool symmetric, int blockSize, int depth)
    {
        const int Width = 24;
        float[] weights = OnnxGraphs.Random(1, depth * Width), x = OnnxGraphs.Random(3, 5 * depth, 2);
        foreach (var exchanged in (bool[])[false, true])
        {
            float[] stored = exchanged ? [.. Enumerable.Range(0, depth * Width).Select(i => weights[(i % depth * Width) + (i / depth)])] : weights;
            var node = exchanged ? OnnxGraphs.Node("Gemm", "x,w", "y", ("transB", 1L)) : OnnxGraphs.Node("MatMul", "x,w", "y");
            using var model = OnnxGraphs.Of(OnnxGraphs.Floats(5, depth), null, [node], [OnnxGraphs.Weight("w", exchanged ? [Width, depth] : [depth, Width], stored)]);
            var request = new OnnxTransformRequest(bits == 4 ? OnnxPrecision.INT4 : OnnxPrecision.INT8Weight) { BlockSize = blockSize, SymmetricBlocks = symmetric, AccuracyLevel = 1 };
            var port = OnnxGraphs.Port(model, request, x, [5, depth]).Model;

            // The codes again, plainly: column by column, block by block.
            var back = new double[depth * Width];
            var blocks = (depth + blockSize - 1) / blockSize;
            byte[] codes = Bytes(port, "w_q"), zeros = symmetric ? [] : Bytes(port, "w_z");
            var scales = Floats(port, "w_s");
            for (var i = 0; i < depth * Width; i++)
            {
                var (row, column) = (i / Width, i % Width);
                var (block, at) = (row / blockSize, row % blockSize);
                var index = (column * blocks) + block;
                int code = bits == 8 ? codes[(index * blockSize) + at] : (codes[((index * blockSize) + at) / 2] >> (4 * (at % 2))) & 15;
                int zero = symmetric ? 1 << (bits - 1) : (zeros[(column * ((blocks + 1) / 2)) + (block / 2)] >> (4 * (block % 2))) & 15;
                back[i] = (code - zero) * (double)scales[index];
                Assert.InRange(Math.Abs(back[i] - weights[i]), 0, Math.Abs(scales[index]) * (symmetric ? 1.01 : 1.01));
            }

            var actual = OnnxGraphs.RunY(port, x, [5, depth]);
            float[] expected = [.. Enumerable.Range(0, 5 * Width).Select(i => (float)Enumerable.Range(0, depth).Sum(k => x[(i / Width * depth) + k] * back[(k * Width) + (i % Width)]))];
            Assert.InRange(OnnxGraphs.Relative(expected, actual), 0, 1e-5);
        }
    }

    [Fact]
    public void FP8_leaves_room_above_what_calibration_saw()
    {
        float[] x = [1, -2, .. OnnxGraphs.Random(3, 70, 0.5f)];
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 72), null, [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 72, 8)]);
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.FP8) { Hardware = OnnxHardware.TensorRT }, x, [1, 72]);
        Assert.Equal(2 / StaticFormat.Float8Top, port.Record.Weights.Single(tensor => tensor.Name == "x").Scale);
        Assert.InRange(StaticFormat.Float8Top, 35.9f, 36.1f);
        Assert.Equal(21, port.Model.Proto.OpsetImport.Single(import => import.Domain.Length == 0).Version);
        Assert.True(port.Model.Proto.IrVersion >= 10);
    }

    private static byte[] Bytes(OnnxModel model, string name) => model.ContentOf(model.Proto.Graph.Initializer.Single(tensor => tensor.Name == name)).ToArray();

    private static float[] Floats(OnnxModel model, string name) => MemoryMarshal.Cast<byte, float>(Bytes(model, name)).ToArray();
}
