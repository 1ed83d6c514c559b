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
    /// <summary>Processors of x64: their INT8 kernels multiply unsigned values with signed weights.</summary>
    public static readonly OnnxHardware Cpu = new("cpu", DataType.Uint8, false, true, 4);

    /// <summary>Processors of Arm: their kernels multiply signed values.</summary>
    public static readonly OnnxHardware Arm64 = new("arm64", DataType.Int8, false, true, 4);

    /// <summary>NVIDIA's TensorRT, which takes symmetric INT8 and FP8.</summary>
    public static readonly OnnxHardware TensorRT = new("tensorrt", DataType.Int8, true, false, 0);

    /// <summary>Every target.</summary>
    public static IReadOnlyList<OnnxHardware> All { get; } = [Cpu, Arm64, TensorRT];

    /// <summary>Finds a target by its name; case does not matter.</summary>
    /// <exception cref="ModelPortException">MP1101: no target has this name.</exception>
    public static OnnxHardware Parse(string name, string file) =>
        All.FirstOrDefault(target => string.Equals(target.Name, name.Trim(), StringComparison.OrdinalIgnoreCase))
        ?? throw new ModelPortException(Diagnose.UnknownHardware(file, name, All.Select(target => target.Name), Nearest.To(name, All.Select(target => target.Name))));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
