using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>Symmetric scales of a weight and the content they make of it. The weight is read once for the scales and once more when the port is saved.</summary>
internal static class WeightScales
{
    /// <summary>The greatest magnitude of each channel.</summary>
    /// <exception cref="ModelPortException">MP2108: a value is NaN or infinite.</exception>
    public static float[] Magnitudes(WeightStream weight, Channels channels, string path, string name)
    {
        var largest = new float[channels.Count];
        weight.Visit((values, first) =>
        {
            while (!values.IsEmpty)
            {
                var (channel, run) = channels.At(first, values.Length);
                if (channels.Inner == 1)
                {
                    // A row of channels: no run is longer than a value, so go through the row at once.
                    run = Math.Min(values.Length, channels.Count - channel);
                    for (var i = 0; i < run; i++)
                    {
                        largest[channel + i] = Larger(largest[channel + i], Math.Abs(values[i]));
                    }
                }
                else
                {
                    largest[channel] = Larger(largest[channel], LinearQuantizer.LargestMagnitude(values[..run]));
                }

                values = values[run..];
                first += run;
            }
        });
        return largest.All(float.IsFinite) ? largest : throw new ModelPortException(Diagnose.WeightNonFinite(path, name));
    }

    /// <summary>INT8 values of a weight.</summary>
    public static OnnxContent ToInt8(WeightStream weight, Channels channels, float[] scales) => OnnxContent.Computed(weight.Count, stream =>
    {
        var codes = new sbyte[1 << 16];
        weight.Visit((values, first) =>
        {
            var done = 0;
            while (!values.IsEmpty)
            {
                var (channel, run) = channels.At(first, values.Length);
                if (channels.Inner == 1)
                {
                    run = Math.Min(values.Length, channels.Count - channel);
                    LinearQuantizer.ToInt8(values[..run], scales.AsSpan(channel, run), codes.AsSpan(done));
                }
                else
                {
                    LinearQuantizer.ToInt8(values[..run], scales[channel], codes.AsSpan(done));
                }

                values = values[run..];
                first += run;
                done += run;
            }

            stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(codes.AsSpan(0, done)));
        });
    });

    /// <summary>8-bit floats of a weight.</summary>
    public static OnnxContent ToFloat8(WeightStream weight, Channels channels, float[] scales) => OnnxContent.Computed(weight.Count, stream =>
    {
        var codes = new byte[1 << 16];
        weight.Visit((values, first) =>
        {
            var done = 0;
            while (!values.IsEmpty)
            {
                var (channel, run) = channels.At(first, values.Length);
                Float8.ToE4M3(values[..run], scales[channel], codes.AsSpan(done));
                values = values[run..];
                first += run;
                done += run;
            }

            stream.Write(codes.AsSpan(0, done));
        });
    });

    /// <summary>
    /// The content of a matrix with its two last dimensions exchanged. It is made as a whole when it is needed, as no piece of it stands in one piece of
    /// the original: so much memory as it has bytes, for as long as it is written.
    /// </summary>
    public static OnnxContent Transposed(OnnxContent content, long outer, int rows, int columns) => OnnxContent.Computed(content.Length, stream =>
    {
        var from = content.ToArray();
        var to = new byte[(long)rows * columns];
        for (var matrix = 0L; matrix < outer; matrix++)
        {
            var source = from.AsSpan((int)(matrix * to.Length), to.Length);
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    to[(column * rows) + row] = source[(row * columns) + column];
                }
            }

            stream.Write(to);
        }
    });

    private static float Larger(float a, float b) => float.IsNaN(b) || b > a ? b : a;
}
