using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>How a search weighs a difference.</summary>
internal interface IErrorNorm
{
    static abstract T Of<T>(T difference)
        where T : struct, ILanes<T>;
}

/// <summary>The square.</summary>
internal readonly struct SquaredError : IErrorNorm
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Of<T>(T difference)
        where T : struct, ILanes<T> => difference * difference;
}

/// <summary>The magnitude.</summary>
internal readonly struct AbsoluteError : IErrorNorm
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Of<T>(T difference)
        where T : struct, ILanes<T> => T.Abs(difference);
}
