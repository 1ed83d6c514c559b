namespace ModelPort.Formats;

/// <summary>Arithmetic on tensor shapes that come from a file.</summary>
internal static class Shape
{
    /// <summary>
    /// The product of the dimensions (1 for none), or false if one is negative or the product exceeds <see cref="long.MaxValue"/>.
    /// </summary>
    public static bool TryCount(ReadOnlySpan<long> shape, out long elements)
    {
        elements = 1;
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0)
            {
                return false;
            }

            if (dimension == 0)
            {
                empty = true;
            }
            else if (elements > long.MaxValue / dimension)
            {
                return false;
            }
            else
            {
                elements *= dimension;
            }
        }

        elements = empty ? 0 : elements;
        return true;
    }

    public static string Describe(ReadOnlySpan<long> shape)
    {
        string[] dimensions = new string[Math.Min(shape.Length, 16)];
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = shape[i].ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return $"[{string.Join(", ", dimensions)}{(shape.Length > 16 ? ", ..." : "")}]";
    }
}
