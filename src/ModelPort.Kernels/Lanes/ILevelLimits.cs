using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Which ends of the range of levels a rounded number may lie beyond: the others cost nothing.</summary>
internal interface ILevelLimits
{
    static abstract T Apply<T>(T level, T low, T high)
        where T : struct, ILanes<T>;
}

/// <summary>Neither end.</summary>
internal readonly struct Unlimited : ILevelLimits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(T level, T low, T high)
        where T : struct, ILanes<T> => level;
}

/// <summary>The high end.</summary>
internal readonly struct LimitedAbove : ILevelLimits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(T level, T low, T high)
        where T : struct, ILanes<T> => T.Smaller(high, level);
}

/// <summary>Both ends.</summary>
internal readonly struct Limited : ILevelLimits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(T level, T low, T high)
        where T : struct, ILanes<T> => T.Larger(low, T.Smaller(high, level));
}
