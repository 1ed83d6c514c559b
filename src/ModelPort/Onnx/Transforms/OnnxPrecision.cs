using ModelPort.Diagnostics;

namespace ModelPort.Onnx.Transforms;

/// <summary>What a precision does with the ranges that values take.</summary>
public enum RangeUse
{
    /// <summary>Nothing: weights alone decide, or the model measures its values as it runs.</summary>
    None,

    /// <summary>With ranges it leaves in FP32 what FP16 cannot hold; without them it cannot know.</summary>
    Useful,

    /// <summary>It cannot be made without.</summary>
    Required,
}

/// <summary>A precision of the ONNX Runtime.</summary>
/// <param name="Name">As users and file names spell it, for instance <c>INT8-Dynamic</c>.</param>
/// <param name="Ranges">Whether ranges of values are measured for it.</param>
/// <param name="LowestOpset">The lowest version of the standard operators that it can be written in; models of a lower one are raised to <see cref="RaisedOpset"/>.</param>
/// <param name="RaisedOpset">The version that models below <see cref="LowestOpset"/> are raised to.</param>
public sealed record OnnxPrecision(string Name, RangeUse Ranges, long LowestOpset, long RaisedOpset)
{
    /// <summary>The model as it is.</summary>
    public static readonly OnnxPrecision FP32 = new("FP32", RangeUse.None, 1, 1);

    /// <summary>Weights and values as IEEE half floats, but for what half floats cannot hold (before version 6 a Cast names its type otherwise).</summary>
    public static readonly OnnxPrecision FP16 = new("FP16", RangeUse.Useful, 6, 13);

    /// <summary>Weights and values as 8-bit integers with measured ranges, written as QuantizeLinear and DequantizeLinear (from version 13 a channel has its own scale).</summary>
    public static readonly OnnxPrecision INT8Static = new("INT8", RangeUse.Required, 13, 13);

    /// <summary>Weights as 8-bit integers; values are measured and quantised while the model runs (DynamicQuantizeLinear is of version 11).</summary>
    public static readonly OnnxPrecision INT8Dynamic = new("INT8-Dynamic", RangeUse.None, 11, 13);

    /// <summary>Weights of matrix products as 8-bit integers in blocks (MatMulNBits); values stay float.</summary>
    public static readonly OnnxPrecision INT8Weight = new("INT8-Weight", RangeUse.None, 1, 1);

    /// <summary>Weights of matrix products as 4-bit integers in blocks (MatMulNBits); values stay float.</summary>
    public static readonly OnnxPrecision INT4 = new("INT4", RangeUse.None, 1, 1);

    /// <summary>Weights and values as 8-bit floats E4M3FN, for TensorRT (the type is of version 19).</summary>
    public static readonly OnnxPrecision FP8 = new("FP8", RangeUse.Required, 19, 21);

    /// <summary>Every precision, from the most exact to the smallest.</summary>
    public static IReadOnlyList<OnnxPrecision> All { get; } = [FP32, FP16, FP8, INT8Weight, INT8Static, INT8Dynamic, INT4];

    /// <summary>Finds a precision by its name; case does not matter.</summary>
    /// <param name="name">As the user wrote it.</param>
    /// <param name="file">The file that an error is about.</param>
    /// <exception cref="ModelPortException">MP1100: no precision has this name.</exception>
    public static OnnxPrecision Parse(string name, string file) =>
        All.FirstOrDefault(precision => string.Equals(precision.Name, name.Trim(), StringComparison.OrdinalIgnoreCase))
        ?? throw new ModelPortException(Diagnose.UnknownOnnxPrecision(file, name, All.Select(precision => precision.Name), Nearest.To(name, All.Select(precision => precision.Name))));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
