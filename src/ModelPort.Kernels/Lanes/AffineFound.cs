using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Where an affine search leaves the results of its lanes.</summary>
internal unsafe struct AffineFound
{
    /// <summary>The scales.</summary>
    internal float* Scale;

    /// <summary>The minima, zero or more.</summary>
    internal float* Minimum;

    /// <summary>With <see cref="Base"/>: level = round(Inverse * (x - Base)), limited.</summary>
    internal float* Inverse;

    /// <summary>See <see cref="Inverse"/>.</summary>
    internal float* Base;

    /// <summary>Mask: zero where rounding left the range in which lanes round as ggml does, so that the block needs the scalar definition.</summary>
    internal float* Tame;

    /// <summary>The same places, further on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly AffineFound At(int offset) => new()
    {
        Scale = Scale + offset,
        Minimum = Minimum + offset,
        Inverse = Inverse + offset,
        Base = Base + offset,
        Tame = Tame + offset,
    };
}
