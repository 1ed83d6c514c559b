namespace ModelPort.Kernels.Lanes;

/// <summary>The shape of a grid, known to the JIT.</summary>
internal interface IGridShape
{
    /// <summary>Values that a point stands for.</summary>
    static abstract int Dimensions { get; }

    /// <summary>Levels of each.</summary>
    static abstract int Levels { get; }
}

/// <summary>Eight values of three levels: IQ2.</summary>
internal readonly struct EightOfThree : IGridShape
{
    public static int Dimensions => 8;

    public static int Levels => 3;
}

/// <summary>Four values of eight levels: IQ3.</summary>
internal readonly struct FourOfEight : IGridShape
{
    public static int Dimensions => 4;

    public static int Levels => 8;
}
