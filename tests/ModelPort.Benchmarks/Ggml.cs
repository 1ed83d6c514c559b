using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels;

namespace ModelPort.Benchmarks;

/// <summary>ggml_quantize_chunk without the checks that <see cref="GgmlQuantizer"/> makes: they would count as its time.</summary>
internal static unsafe class Ggml
{
    private static readonly delegate* unmanaged<int, float*, void*, long, long, long, float*, nuint> s_quantizeChunk = Find();

    internal static void Quantize(BlockType type, float[] values, byte[] blocks, int rowLength, float[] importance)
    {
        fixed (float* from = values)
        fixed (byte* to = blocks)
        fixed (float* weights = importance)
        {
            s_quantizeChunk((int)type, from, to, 0, values.Length / rowLength, rowLength, weights);
        }
    }

    private static delegate* unmanaged<int, float*, void*, long, long, long, float*, nuint> Find()
    {
        // The binding loads the runtime's libraries; this asks for the one that is loaded.
        _ = GgmlQuantizer.BlockLength((int)BlockType.Q8_0);
        string name = OperatingSystem.IsWindows() ? "ggml-base.dll" : OperatingSystem.IsMacOS() ? "libggml-base.dylib" : "libggml-base.so";
        string path = Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native", name);
        return (delegate* unmanaged<int, float*, void*, long, long, long, float*, nuint>)NativeLibrary.GetExport(NativeLibrary.Load(path), "ggml_quantize_chunk");
    }
}
