namespace ModelPort.Kernels.Lanes;

/// <summary>The values of a group and their weights, in their order.</summary>
internal readonly unsafe struct GridGroup
{
    /// <summary>The magnitudes; negative where a sign could not be kept.</summary>
    internal required float* Values { get; init; }

    internal required float* Weights { get; init; }

    /// <summary>Weight times value.</summary>
    internal required float* Products { get; init; }

    /// <summary>Square roots of the weights.</summary>
    internal required float* Roots { get; init; }

    internal GridGroup At(int value) =>
        new() { Values = Values + value, Weights = Weights + value, Products = Products + value, Roots = Roots + value };
}
