namespace ModelPort.Onnx.Calibration;

/// <summary>
/// Where entropy calibration cuts: of all magnitudes that values may be cut at, the one whose quantised distribution is nearest to the whole (Kullback-Leibler
/// divergence; S. Migacz, "8-bit Inference with TensorRT", GTC 2017), with what that method leaves to chance made sure:
/// levels are those of the values' type, 256 over a range with a zero point and 255 around zero, and lie where the quantiser has them; zero, which every type has
/// exactly, is left out, or a Relu would say nothing of all else; and the distribution is smoothed first, as the frequencies of single steps are chance
/// that coarse levels would seem to lose. Nothing depends on how many values there were: data repeated gives the same range.
/// </summary>
internal static class EntropyCut
{
    // Thresholds that are tried, from 16 of 256 parts of the greatest magnitude on: with fewer steps of the histogram than two a level nothing would seem lost.
    private const int Parts = 256;
    private const int FirstPart = 16;

    // The width of smoothing in standard deviations: the rule of thumb 0.9 n^(-1/5) (B. W. Silverman, Density Estimation, 1986) for two million values. The fifth
    // root hardly moves with their number.
    private const double Width = 0.05;

    // What the quantised distribution has where it has nothing; without it one value cut off would be infinitely far.
    private const double Least = 1e-9;

    /// <summary>The magnitude to cut at.</summary>
    /// <param name="counts">How many values other than zero are in each of equal steps from <paramref name="min"/> to <paramref name="max"/>.</param>
    /// <param name="min">The least value.</param>
    /// <param name="max">The greatest.</param>
    /// <param name="isSymmetric">Whether zero is the middle of the integers; if not, they are spread over the range, zero included.</param>
    public static double Threshold(ReadOnlySpan<long> counts, double min, double max, bool isSymmetric)
    {
        var largest = Math.Max(Math.Abs(min), Math.Abs(max));
        double total = 0;
        foreach (var count in counts)
        {
            total += count;
        }

        var step = (max - min) / counts.Length;
        if (total == 0 || step <= 0)
        {
            return largest;
        }

        var shares = new double[counts.Length];
        for (var i = 0; i < shares.Length; i++)
        {
            shares[i] = counts[i] / total;
        }

        var sums = new Sums(Smoothed(shares));
        var (best, least) = (largest, double.PositiveInfinity);
        for (var part = Parts; part >= FirstPart; part--)
        {
            var threshold = largest * part / Parts;
            var (low, high) = isSymmetric ? (-threshold, threshold) : (Math.Min(0, Math.Max(min, -threshold)), Math.Max(0, Math.Min(max, threshold)));
            var divergence = Divergence(sums, (low - min) / step, (high - min) / step, isSymmetric ? 255 : 256);
            if (divergence < least)
            {
                (best, least) = (threshold, divergence);
            }
        }

        return best;
    }

    // A Gaussian of that width; what would fall beyond an end is thrown back from it.
    private static double[] Smoothed(double[] shares)
    {
        var width = Width * Spread(shares);
        var reach = (int)Math.Ceiling(3 * width);
        if (width < 0.5)
        {
            return shares;
        }

        double[] kernel = [.. Enumerable.Range(-reach, (2 * reach) + 1).Select(i => Math.Exp(-0.5 * i * i / (width * width)))];
        var sum = kernel.Sum();
        var smooth = new double[shares.Length];
        for (var i = 0; i < shares.Length; i++)
        {
            for (var j = -reach; shares[i] > 0 && j <= reach; j++)
            {
                var at = i + j < 0 ? -1 - (i + j) : i + j >= shares.Length ? (2 * shares.Length) - 1 - (i + j) : i + j;
                smooth[at] += shares[i] * kernel[j + reach] / sum;
            }
        }

        return smooth;
    }

    // In steps: the standard deviation, or what the middle half says of it, which single far values do not widen.
    private static double Spread(double[] shares)
    {
        double mean = 0, square = 0, seen = 0;
        var (lower, upper) = (-1, -1);
        for (var i = 0; i < shares.Length; i++)
        {
            mean += i * shares[i];
            square += (double)i * i * shares[i];
            seen += shares[i];
            lower = lower < 0 && seen >= 0.25 ? i : lower;
            upper = upper < 0 && seen >= 0.75 ? i : upper;
        }

        var deviation = Math.Sqrt(Math.Max(0, square - (mean * mean)));
        return upper > lower ? Math.Min(deviation, (upper - lower) / 1.349) : deviation;
    }

    // Between low and high, in steps, are so many levels; what is cut off is seen in the last, however fine the steps are.
    private static double Divergence(Sums sums, double low, double high, int levels)
    {
        int Step(double at) => (int)Math.Clamp(Math.Ceiling(at - 0.5), 0, sums.Count);
        (int From, int To) Level(int level) => (Step(low + ((high - low) * level / levels)), Step(low + ((high - low) * (level + 1) / levels)));
        var (first, end) = (Step(low), Step(high));
        var inside = sums.Share(first, end);
        if (inside <= 0)
        {
            return double.PositiveInfinity;
        }

        double divergence = 0;
        for (var i = 0; i < levels; i++)
        {
            var (from, to) = Level(i);
            var own = sums.Share(from, to);
            var cut = (i == 0 ? sums.Share(0, first) : 0) + (i == levels - 1 ? sums.Share(end, sums.Count) : 0);
            if (own > 0)
            {
                // Within a level all steps that have values get as much; what is cut off comes to those that it is seen among.
                var lost = sums.Information(from, to) - (own * Math.Log(Math.Max(own / sums.Filled(from, to) / inside, Least)));
                divergence += ((own + cut) / own * lost) + (cut > 0 ? (own + cut) * Math.Log((own + cut) / own) : 0);
            }
            else if (cut > 0)
            {
                divergence += cut * Math.Log(cut / Least);
            }
        }

        return divergence;
    }

    // Sums over steps from any to any other, each in no time.
    private sealed class Sums
    {
        private readonly double[] shares;
        private readonly double[] information;
        private readonly int[] filled;

        public Sums(double[] values)
        {
            (shares, information, filled) = (new double[values.Length + 1], new double[values.Length + 1], new int[values.Length + 1]);
            for (var i = 0; i < values.Length; i++)
            {
                shares[i + 1] = shares[i] + values[i];
                information[i + 1] = information[i] + (values[i] > 0 ? values[i] * Math.Log(values[i]) : 0);
                filled[i + 1] = filled[i] + (values[i] > 0 ? 1 : 0);
            }
        }

        public int Count => filled.Length - 1;

        public double Share(int from, int to) => filled[to] > filled[from] ? shares[to] - shares[from] : 0;

        public double Information(int from, int to) => information[to] - information[from];

        public int Filled(int from, int to) => filled[to] - filled[from];
    }
}
