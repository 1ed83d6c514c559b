using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>The shape of a grid, known to the JIT.</summary>
internal interface IGridShape
{
    /// <summary>Values that a point stands for.</summary>
    static abstract int Dimensions { get; }

    /// <summary>Levels of each.</summary>
    static abstract int Levels { get; }

    /// <summary>2 * level + 1 of one dimension of the points with some codes (<see cref="Blocks.GridTables"/>).</summary>
    static abstract T Odd<T>(T codes, int dimension)
        where T : struct, ILanes<T>;
}

/// <summary>Eight values of three levels: IQ2.</summary>
internal readonly struct EightOfThree : IGridShape
{
    public static int Dimensions => 8;

    public static int Levels => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Odd<T>(T codes, int dimension)
        where T : struct, ILanes<T> => T.OddOfThree(codes, 2 * dimension);
}

/// <summary>Four values of eight levels: IQ3.</summary>
internal readonly struct FourOfEight : IGridShape
{
    public static int Dimensions => 4;

    public static int Levels => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Odd<T>(T codes, int dimension)
        where T : struct, ILanes<T> => T.OddOfEight(codes, 4 * dimension);
}
