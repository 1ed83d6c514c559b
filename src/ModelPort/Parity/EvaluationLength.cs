namespace ModelPort.Parity;

/// <summary>
/// How many tokens are measured when the user does not say. The time of an evaluation is in proportion to tokens times parameters: that product is bounded,
/// so that a model of a billion parameters is measured within two minutes on two cores, and a larger one on no fewer tokens than a figure needs.
/// </summary>
public static class EvaluationLength
{
    /// <summary>Tokens for a small model, up to 488 million parameters: more would hardly narrow the errors.</summary>
    public const int Most = 8192;

    /// <summary>Tokens for a large model, from 1.95 billion parameters on.</summary>
    public const int Fewest = 2048;

    /// <summary>Between the two, tokens times parameters.</summary>
    public const long Work = 4_000_000_000_000;

    // A window as models are measured with.
    private const int Step = 512;

    /// <summary>The default for a model: <see cref="Work"/> by its parameters, in whole steps of 512, from <see cref="Fewest"/> to <see cref="Most"/>.</summary>
    /// <param name="parameters">Values of all tensors of the source.</param>
    public static int Of(long parameters) => (int)(Math.Clamp(Work / Math.Max(parameters, 1), Fewest, Most) / Step * Step);
}
