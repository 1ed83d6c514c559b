using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;

namespace ModelPort.Onnx;

/// <summary>ONNX Runtime, as manifests and keys name it.</summary>
internal static class OnnxEngine
{
    /// <summary>The engine; its version says what it was built from.</summary>
    /// <exception cref="Engines.EngineException">It cannot be loaded.</exception>
    public static EngineRecord Record => new("onnxruntime", OnnxSession.Version, "");

    /// <summary>The widest instructions that its kernels choose by, on which the last digits of what it computes depend.</summary>
    public static string CpuBackend { get; } = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant() + (
        Avx512F.IsSupported ? "-avx512"
        : AvxVnni.IsSupported ? "-avx-vnni"
        : Avx2.IsSupported ? "-avx2"
        : Dp.IsSupported ? "-dotprod"
        : "");
}
