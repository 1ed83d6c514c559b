using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>What a hardware target asks of a quantised graph.</summary>
/// <param name="Name">As users spell it in HardwareTarget.</param>
/// <param name="Activations">The type of quantised values: UINT8 with a zero point, or INT8 around zero.</param>
/// <param name="QuantisesBias">Whether biases are INT32 (kernels of processors add them so), or stay float (TensorRT).</param>
/// <param name="AccuracyLevel">accuracy_level of MatMulNBits: 4 multiplies INT8, 0 lets the runtime choose.</param>
public sealed record OnnxHardware(string Name, DataType Activations, bool QuantisesBias, int AccuracyLevel)
{
    /// <summary>Processors of x64: their INT8 kernels multiply unsigned values with signed weights.</summary>
    public static readonly OnnxHardware Cpu = new("cpu", DataType.Uint8, true, 4);

    /// <summary>Processors of Arm.</summary>
    public static readonly OnnxHardware Arm64 = new("arm64", DataType.Int8, true, 4);

    /// <summary>NVIDIA's TensorRT, which takes symmetric INT8 and FP8.</summary>
    public static readonly OnnxHardware TensorRT = new("tensorrt", DataType.Int8, false, 0);

    /// <summary>Every target.</summary>
    public static IReadOnlyList<OnnxHardware> All { get; } = [Cpu, Arm64, TensorRT];

    /// <summary>Whether the zero point is zero.</summary>
    public bool IsSymmetric => Activations == DataType.Int8;

    /// <summary>Finds a target by its name; case does not matter.</summary>
    /// <exception cref="ModelPortException">MP1101: no target has this name.</exception>
    public static OnnxHardware Parse(string name, string file) =>
        All.FirstOrDefault(target => string.Equals(target.Name, name.Trim(), StringComparison.OrdinalIgnoreCase))
        ?? throw new ModelPortException(Diagnose.UnknownHardware(file, name, All.Select(target => target.Name), Nearest.To(name, All.Select(target => target.Name))));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
