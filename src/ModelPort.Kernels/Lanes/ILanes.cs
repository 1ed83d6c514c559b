namespace ModelPort.Kernels.Lanes;

/// <summary>A row of floats that a kernel treats as one number: the same scalar program runs in every lane.</summary>
/// <remarks>
/// Kernels are written once over this interface and specialised by the JIT for each width, with <see cref="One{V, TRegister}"/> or
/// <see cref="Pair{V, TRegister}"/>. Every operation rounds as the scalar one does;
/// nothing may be fused or reassociated. Masks are lanes of all ones or all zeros.
/// </remarks>
/// <typeparam name="T">The implementing type.</typeparam>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>Lanes in the row.</summary>
    static abstract int Count { get; }

    static abstract T Broadcast(float value);

    /// <summary>The integer as the bits of every lane.</summary>
    static abstract T BroadcastCode(uint code);

    /// <summary>0, 1, 2, ...</summary>
    static abstract T Sequence();

    static abstract T Load(float* source);

    /// <summary>Loads one integer of 16 bits a lane, which becomes the bits of the lane.</summary>
    static abstract T LoadCodes(ushort* source);

    static abstract void Store(float* destination, T value);

    /// <summary>Stores one signed byte a lane: the value without its fraction, which must lie in the byte's range.</summary>
    static abstract void StoreBytes(byte* destination, T value);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>a * b + c, rounded once or twice: only for numbers that need no certain rounding.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);

    /// <summary>And of masks.</summary>
    static abstract T operator &(T a, T b);

    /// <summary>Or of masks.</summary>
    static abstract T operator |(T a, T b);

    /// <summary>Mask of a &lt; b; false for NaN.</summary>
    static abstract T operator <(T a, T b);

    /// <summary>Mask of a &gt; b; false for NaN.</summary>
    static abstract T operator >(T a, T b);

    /// <summary>Mask of a == b; false for NaN.</summary>
    static abstract T Equal(T a, T b);

    /// <summary>Mask of a != b; true for NaN.</summary>
    static abstract T NotEqual(T a, T b);

    /// <summary>a &lt; b ? a : b</summary>
    static abstract T Smaller(T a, T b);

    /// <summary>a &gt; b ? a : b</summary>
    static abstract T Larger(T a, T b);

    /// <summary>mask ? a : b</summary>
    static abstract T Choose(T mask, T a, T b);

    /// <summary>Limits a value that is not NaN to what lies between +0 and top.</summary>
    static abstract T Limit(T value, T top);

    static abstract T Abs(T value);

    static abstract T Sqrt(T value);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract T Round(T value);

    static abstract T Floor(T value);

    /// <summary>What <see cref="Scalar.NearestInt.Of"/> gives, converted to a float.</summary>
    static abstract T NearestInt(T value);

    /// <summary>Index of the nearest entry of <see cref="Blocks.UnevenFormat.Values"/>; the last one for NaN.</summary>
    static abstract T UnevenIndex(T value);

    /// <summary>The nearest entry of <see cref="Blocks.UnevenFormat.Values"/>; the last one for NaN.</summary>
    static abstract T UnevenValue(T value);

    /// <summary>The nearest entry of <see cref="Blocks.UnevenFormat.Values"/> and the next one toward zero, the lower one first.</summary>
    static abstract (T Low, T High) UnevenNeighbours(T value);

    /// <summary>2 * level + 1, where the level, 0 to 2, is the two bits of each lane's code from the given one on.</summary>
    static abstract T OddOfThree(T codes, int bit);

    /// <summary>2 * level + 1, where the level, 0 to 7, is the three bits of each lane's code from the given one on; the next bit is zero.</summary>
    static abstract T OddOfEight(T codes, int bit);

    /// <summary>The largest value of all lanes; none is NaN.</summary>
    static abstract float Largest(T value);

    /// <summary>One bit a lane, the first lane lowest.</summary>
    static abstract ulong Bits(T mask);

    /// <summary>Whether the mask is set in any lane.</summary>
    static abstract bool Any(T mask);
}
