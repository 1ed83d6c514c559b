using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Where a symmetric search leaves the results of its lanes.</summary>
internal unsafe struct SymmetricFound
{
    /// <summary>The scales.</summary>
    internal float* Scale;

    /// <summary>Level = round(Inverse * x), limited, plus <see cref="Center"/>.</summary>
    internal float* Inverse;

    /// <summary>The level that stands for zero; 0 for a zero group.</summary>
    internal float* Center;

    /// <summary>Mask: zero where the group needs the scalar definition.</summary>
    internal float* Tame;

    /// <summary>The same places, further on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly SymmetricFound At(int offset) =>
        new() { Scale = Scale + offset, Inverse = Inverse + offset, Center = Center + offset, Tame = Tame + offset };
}
