using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>What a hardware target asks of a quantised graph.</summary>
/// <param name="Name">As users spell it in HardwareTarget.</param>
/// <param name="Activations">The type of quantised values: UINT8 or INT8.</param>
/// <param name="IsSymmetric">Whether zero is the integer 0, as TensorRT wants it. With a zero point the range after a Relu has all 256 steps, and cuts off what Relu does.</param>
/// <param name="IsProcessor">Whether ONNX Runtime's kernels of integers run it: biases are INT32, and results are integers again. TensorRT keeps both float and decides itself.</param>
/// <param name="AccuracyLevel">accuracy_level of MatMulNBits: 4 multiplies INT8, 0 lets the runtime choose.</param>
public sealed record OnnxHardware(string Name, DataType Activations, bool IsSymmetric, bool IsProcessor, int AccuracyLevel)
{
    /// <summary>
    /// Processors of x64 with instructions for products of 8 bits (VNNI; Intel since 2019, AMD since 2022): their kernels multiply unsigned values with signed weights.
    /// </summary>
    public static readonly OnnxHardware Cpu = new("cpu", DataType.Uint8, false, true, 4) { IsX64 = true };

    /// <summary>
    /// Processors of x64 without them: they add pairs of products in 16 bits, which 255 * 127 * 2 overflows without notice and 255 * 64 * 2 does not.
    /// </summary>
    public static readonly OnnxHardware Avx2 = new("avx2", DataType.Uint8, false, true, 4) { IsX64 = true, LargestWeight = 64 };

    /// <summary>Processors of Arm: their kernels multiply signed values.</summary>
    public static readonly OnnxHardware Arm64 = new("arm64", DataType.Int8, false, true, 4);

    /// <summary>NVIDIA's TensorRT, which takes symmetric INT8 and FP8.</summary>
    public static readonly OnnxHardware TensorRT = new("tensorrt", DataType.Int8, true, false, 0);

    /// <summary>Every target.</summary>
    public static IReadOnlyList<OnnxHardware> All { get; } = [Cpu, Avx2, Arm64, TensorRT];

    /// <summary>Whether ports run on the processors that ports are built on, with the same rewriting of their graphs.</summary>
    public bool IsX64 { get; private init; }

    /// <summary>The greatest magnitude of an INT8 weight.</summary>
    public int LargestWeight { get; private init; } = 127;

    /// <summary>Finds a target by its name; case does not matter.</summary>
    /// <exception cref="ModelPortException">MP1101: no target has this name.</exception>
    public static OnnxHardware Parse(string name, string file) =>
        All.FirstOrDefault(target => string.Equals(target.Name, name.Trim(), StringComparison.OrdinalIgnoreCase))
        ?? throw new ModelPortException(Diagnose.UnknownHardware(file, name, All.Select(target => target.Name), Nearest.To(name, All.Select(target => target.Name))));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
