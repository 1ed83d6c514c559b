namespace ModelPort.Kernels.Scalar;

/// <summary>The candidates of an affine scale search.</summary>
/// <param name="Top">Largest level.</param>
/// <param name="First">Offset of the first candidate from <paramref name="Top"/>.</param>
/// <param name="Delta">Distance of the candidates.</param>
/// <param name="Count">Number of the last candidate, counted from zero.</param>
/// <param name="AbsoluteError">Weighs |error| instead of its square.</param>
internal readonly record struct AffineSteps(int Top, float First, float Delta, int Count, bool AbsoluteError = false)
{
    internal static AffineSteps Q2_K => new(3, -0.5f, 0.1f, 15, AbsoluteError: true);

    internal static AffineSteps Q4_K => new(15, -1f, 0.1f, 20);

    internal static AffineSteps Q5_K => new(31, -0.5f, 0.1f, 15);

    /// <summary>The finer search that every type uses with an importance matrix.</summary>
    internal static AffineSteps Weighted(int top) => new(top, -0.9f, 0.05f, 36);

    /// <summary>The span of levels that a candidate stretches the group over. Each operation rounds on its own.</summary>
    internal float Candidate(int step) => First + (Delta * step) + Top;
}
