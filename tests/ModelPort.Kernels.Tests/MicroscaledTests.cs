using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Kernels.Tests;

public class MicroscaledTests
{
    [Fact]
    public void The_exponent_of_MXFP4_is_that_of_ggml_around_every_power_of_two()
    {
        // The C library's logarithm of what lies just below a power of two may round up to it.
        int[] distances = [0, 1, 2, 3, 10, 100, 0xFF0, 0xFFF, 0x1000, 0x1001, 0x1002, 0x2000];
        float[] largest =
        [
            .. from exponent in Enumerable.Range(1, 254)
               from distance in distances
               from side in new[] { -1, 1 }
               select BitConverter.Int32BitsToSingle((exponent << 23) + (side * distance)),
            .. Enumerable.Range(0, 23).Select(bit => BitConverter.Int32BitsToSingle(1 << bit)),
        ];
        float[] values = [.. largest.SelectMany(top => Enumerable.Range(0, 32).Select(i => top * ((16 - i) / 16f)))];
        var expected = new byte[17 * largest.Length];
        var actual = new byte[expected.Length];

        GgmlQuantizer.Quantize((int)BlockType.MXFP4, values, expected, 32);
        BlockQuantizer.Quantize(BlockType.MXFP4, values, actual, 32);

        Assert.Equal(expected, actual);
    }
}
