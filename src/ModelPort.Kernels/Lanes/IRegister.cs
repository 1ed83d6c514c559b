namespace ModelPort.Kernels.Lanes;

/// <summary>One register of floats: <see cref="ILanes{T}"/> in small, for kernels whose lanes are few.</summary>
/// <remarks>Every operation rounds as the scalar one does. Masks are lanes of all ones or all zeros.</remarks>
/// <typeparam name="T">The implementing type.</typeparam>
internal unsafe interface IRegister<T>
    where T : struct, IRegister<T>
{
    /// <summary>Lanes in the register: 16 at most.</summary>
    static abstract int Count { get; }

    static abstract T Broadcast(float value);

    /// <summary>0, 1, 2, ...</summary>
    static abstract T Sequence();

    static abstract T Load(float* source);

    /// <summary>Loads integers of 16 bits, which become the bits of the lanes.</summary>
    static abstract T LoadCodes(ushort* source);

    static abstract void Store(float* destination, T value);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>Mask of a &lt; b; false for NaN.</summary>
    static abstract T operator <(T a, T b);

    /// <summary>Mask of a &gt; b; false for NaN.</summary>
    static abstract T operator >(T a, T b);

    /// <summary>Mask of a != b; true for NaN.</summary>
    static abstract T NotEqual(T a, T b);

    /// <summary>a &lt; b ? a : b</summary>
    static abstract T Smaller(T a, T b);

    /// <summary>a &gt; b ? a : b</summary>
    static abstract T Larger(T a, T b);

    /// <summary>mask ? a : b</summary>
    static abstract T Choose(T mask, T a, T b);

    static abstract T Abs(T value);

    static abstract T Sqrt(T value);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract T Round(T value);

    /// <summary>2 * level + 1, where the level, 0 to 2, is the two bits of each lane's code from the given one on.</summary>
    static abstract T OddOfThree(T codes, int bit);

    /// <summary>2 * level + 1, where the level, 0 to 7, is the three bits of each lane's code from the given one on; the next bit is zero.</summary>
    static abstract T OddOfEight(T codes, int bit);

    /// <summary>The largest value of all lanes; none is NaN.</summary>
    static abstract float Largest(T value);

    /// <summary>One bit a lane, the first lane lowest.</summary>
    static abstract uint Bits(T mask);
}
