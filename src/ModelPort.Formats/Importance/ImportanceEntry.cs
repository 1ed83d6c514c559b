namespace ModelPort.Formats.Importance;

/// <summary>How strongly each column of one weight is driven: sums of squared activations, and how many activations went into them.</summary>
public sealed class ImportanceEntry
{
    private readonly float[] sums;
    private readonly long[] counts;

    /// <summary>Makes an entry.</summary>
    /// <param name="sums">The sum of squared activations of each column, matrix after matrix; finite and not negative.</param>
    /// <param name="counts">The activations that were summed: one number for all columns, or one for each of the weight's matrices.</param>
    /// <exception cref="ArgumentException">The lengths do not fit together, or a number is negative or not finite.</exception>
    public ImportanceEntry(float[] sums, long[] counts)
    {
        if (counts.Length == 0 || sums.Length == 0 || sums.Length % counts.Length != 0)
        {
            throw new ArgumentException($"{sums.Length} sums and {counts.Length} counts do not fit together.", nameof(counts));
        }

        if (FirstUnusable(sums) >= 0 || counts.Any(count => count < 0))
        {
            throw new ArgumentException("A sum or count is negative or not finite.", nameof(sums));
        }

        this.sums = sums;
        this.counts = counts;
    }

    /// <summary>The sum of squared activations of each column, matrix after matrix.</summary>
    public ReadOnlySpan<float> Sums => sums;

    /// <summary>The activations that were summed: one number for all columns, or one for each of the weight's matrices.</summary>
    public ReadOnlySpan<long> Counts => counts;

    /// <summary>
    /// The weights that a quantiser takes: the mean squared activation of each column, and 1 throughout a matrix that saw none, as llama-quantize has it.
    /// </summary>
    public float[] ToWeights()
    {
        float[] weights = new float[sums.Length];
        CopyWeights(0, weights);
        return weights;
    }

    /// <summary>The weights of a run of columns, such as those of one matrix.</summary>
    /// <param name="first">The first column, counted over all matrices.</param>
    /// <param name="destination">Receives them.</param>
    /// <exception cref="ArgumentException">There are not so many columns.</exception>
    public void CopyWeights(long first, Span<float> destination)
    {
        if (first < 0 || first > sums.Length - destination.Length)
        {
            throw new ArgumentException($"There are {sums.Length} columns, not {destination.Length} from {first}.", nameof(destination));
        }

        int columns = sums.Length / counts.Length;
        for (int i = 0; i < destination.Length; i++)
        {
            int index = (int)first + i;
            float count = counts[index / columns];
            destination[i] = count > 0 ? sums[index] / count : 1;
        }
    }

    /// <summary>The index of the first sum that is negative or not finite; -1 when all can be used.</summary>
    internal static int FirstUnusable(ReadOnlySpan<float> sums)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            if (!(sums[i] >= 0 && sums[i] <= float.MaxValue))
            {
                return i;
            }
        }

        return -1;
    }
}
