using CsCheck;
using ModelPort.Parity;

namespace ModelPort.Tests.Parity;

/// <summary>The vectorised comparison of two rows of logits against the definitions in plain scalar arithmetic.</summary>
public sealed class PositionStatisticsTests
{
    private static readonly Gen<float[]> Row = Gen.OneOf(
        Gen.Float[-20, 20].Array[1, 300],
        Gen.Float[-0.01f, 0.01f].Array[1, 300],
        Gen.Float[-60, 60].Array[1, 300],
        // Equal logits, of which the first wins.
        Gen.Int[-3, 3].Select(i => (float)i).Array[1, 300]);

    private static readonly Gen<(float[] Reference, float[] Model, int Next)> Pair =
        from reference in Row
        from noise in Gen.Float[-2, 2].Array[reference.Length]
        from next in Gen.Int[0, reference.Length - 1]
        select (reference, reference.Zip(noise, (r, n) => r + n).ToArray(), next);

    [Fact]
    public void A_comparison_rounds_like_the_scalar_definition() => Pair.Sample(
        pair =>
        {
            var (reference, model, next) = pair;
            var expected = Scalar(reference, model, next);
            var actual = PositionStatistics.Compare(reference, model, next);
            Assert.Equal(expected.ReferenceLoss, actual.ReferenceLoss, Ulps(expected.ReferenceLoss, reference));
            Assert.Equal(expected.CodedReferenceLoss, actual.CodedReferenceLoss, Ulps(expected.CodedReferenceLoss, reference));
            Assert.Equal(expected.Loss, actual.Loss, Ulps(expected.Loss, model));
            Assert.Equal(expected.Divergence, actual.Divergence, 1e-5f);
            Assert.Equal(expected.LargestDifference, actual.LargestDifference);
            Assert.Equal(expected.SameTop, actual.SameTop);
            Assert.True(actual.HasNext);
        },
        iter: 2000);

    [Fact]
    public void A_row_equals_itself() => Row.Sample(
        row =>
        {
            var same = PositionStatistics.Compare(row, row, 0);
            Assert.Equal(same.ReferenceLoss, same.Loss);
            Assert.Equal(0, same.LargestDifference);
            Assert.InRange(same.Divergence, -0.001f, 0.001f);
        },
        iter: 1000);

    [Fact]
    public void Without_a_next_token_there_is_no_loss()
    {
        var last = PositionStatistics.Compare([1, 2, 3], [3, 2, 1], -1);
        Assert.Equal((0f, 0f, false, false), (last.Loss, last.ReferenceLoss, last.HasNext, last.SameTop));
        Assert.True(last.Divergence > 0.5f);
    }

    [Fact]
    public void NaN_in_the_model_is_NaN_in_the_figures()
    {
        var logits = Enumerable.Range(0, 64).Select(i => (float)i).ToArray();
        var broken = logits.ToArray();
        broken[40] = float.NaN;
        var found = PositionStatistics.Compare(logits, broken, 3);
        Assert.Equal((float.NaN, float.NaN, float.NaN), (found.Loss, found.Divergence, found.LargestDifference));
    }

    [Fact]
    public void Minus_infinity_for_a_token_that_the_reference_all_but_excludes_costs_nothing()
    {
        float[] reference = [10, 9, -30, 8];
        float[] model = [10, 9, float.NegativeInfinity, 8];
        Assert.InRange(PositionStatistics.Compare(reference, model, 0).Divergence, -1e-4f, 1e-4f);
    }

    // A loss is a difference of numbers as large as the logits: it can be off by a unit in the last place of those.
    private static float Ulps(float loss, float[] logits) => 2 * MathF.BitIncrement(MathF.Abs(loss) + logits.Max(MathF.Abs)) - 2 * (MathF.Abs(loss) + logits.Max(MathF.Abs));

    private static PositionStatistics Scalar(float[] reference, float[] model, int next)
    {
        var (max, min) = (reference.Max(), Math.Max(reference.Min(), reference.Max() - 16));
        var referenceSum = (float)Math.Log(reference.Sum(r => (double)MathF.Exp(r - max)));
        var scale = (max - min) / 65535f;
        var least = min - max - referenceSum;
        var inverse = 1 / scale;
        float Coded(float r) => !float.IsFinite(inverse) || r <= min ? least : scale * MathF.Round(inverse * (r - min)) + least;
        float[] coded = [.. reference.Select(Coded)];

        var modelMax = model.Max();
        var logSum = modelMax + (float)Math.Log(model.Sum(m => (double)MathF.Exp(m - modelMax)));
        var divergence = coded.Zip(model, (c, m) => c > -16 ? (double)(MathF.Exp(c) * (c - m + logSum)) : 0).Sum();
        return new PositionStatistics(
            max + referenceSum - reference[next],
            -coded[next],
            logSum - model[next],
            (float)divergence,
            reference.Zip(model, (r, m) => MathF.Abs(r - m)).Max(),
            0,
            Array.IndexOf(coded, coded.Max()) == Array.IndexOf(model, modelMax),
            true);
    }
}
