namespace ModelPort.Onnx.Transforms;

/// <summary>The values that were seen at one place of a graph.</summary>
/// <param name="Min">The least value that counts; a calibration may leave out a tail.</param>
/// <param name="Max">The greatest value that counts.</param>
public readonly record struct ValueRange(float Min, float Max)
{
    /// <summary>The greatest magnitude that was seen at all; never less than <see cref="Min"/> and <see cref="Max"/> say.</summary>
    public float LargestMagnitude { get => Math.Max(field, Math.Max(Math.Abs(Min), Math.Abs(Max))); init; }

    /// <summary>The least magnitude above zero that was seen; 0 if it was not looked for.</summary>
    public float SmallestNonZero { get; init; }

    /// <summary>Whether both ends are numbers, and in order.</summary>
    public bool IsValid => float.IsFinite(Min) && float.IsFinite(Max) && Min <= Max;

    /// <summary>The range widened so that it holds zero, which padding and Relu need to be exact.</summary>
    public ValueRange WithZero => this with { Min = Math.Min(Min, 0), Max = Math.Max(Max, 0) };

    /// <summary>The range that holds both.</summary>
    public ValueRange Union(ValueRange other) => this with { Min = Math.Min(Min, other.Min), Max = Math.Max(Max, other.Max) };
}
