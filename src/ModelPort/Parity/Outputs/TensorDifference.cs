namespace ModelPort.Parity.Outputs;

/// <summary>
/// How far values are from the ones that were expected. With so much as one <see cref="Broken"/> value the errors are infinite and the cosine is NaN, so that
/// no budget holds: a mean over the values that are left would hide the ones that are not.
/// </summary>
/// <param name="Values">How many values were compared.</param>
/// <param name="Broken">Values that are NaN or infinite where the expected one is not or is otherwise so. NaN for NaN and an infinity for the same are equal.</param>
/// <param name="MaxAbsoluteError">The largest absolute difference.</param>
/// <param name="MeanAbsoluteError">The mean of the absolute differences.</param>
/// <param name="RelativeError">The Euclidean length of the difference, divided by that of the expected values; 0 where nothing differs.</param>
/// <param name="CosineSimilarity">The cosine of the angle between both, taken as vectors; 1 where both are zero, 0 where one is.</param>
/// <param name="OutsideTolerance">Values farther from the expected than the comparison's tolerance.</param>
public sealed record TensorDifference(
    long Values, long Broken, double MaxAbsoluteError, double MeanAbsoluteError, double RelativeError, double CosineSimilarity, long OutsideTolerance);
