namespace ModelPort.Kernels.Lanes;

/// <summary>What <see cref="ILanes{T}"/> needs of one register, for each width that processors have.</summary>
/// <remarks>Kernels know nothing of registers: <see cref="One{V, TRegister}"/> and <see cref="Pair{V, TRegister}"/> stand between.</remarks>
/// <typeparam name="V">The register: a vector of floats.</typeparam>
internal unsafe interface IRegister<V>
    where V : struct
{
    /// <summary>Lanes in the register.</summary>
    static abstract int Count { get; }

    static abstract V Broadcast(float value);

    /// <summary>As <see cref="ILanes{T}.BroadcastCode"/>.</summary>
    static abstract V BroadcastCode(uint code);

    /// <summary>0, 1, 2, ...</summary>
    static abstract V Sequence();

    static abstract V Load(float* source);

    /// <summary>As <see cref="ILanes{T}.LoadCodes"/>.</summary>
    static abstract V LoadCodes(ushort* source);

    static abstract void Store(float* destination, V value);

    /// <summary>As <see cref="ILanes{T}.StoreBytes"/>.</summary>
    static abstract void StoreBytes(byte* destination, V value);

    /// <summary>As <see cref="ILanes{T}.StoreBytes"/>, of two registers one after the other.</summary>
    static abstract void StoreBytes(byte* destination, V low, V high);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>As <see cref="ILanes{T}.MultiplyAdd"/>.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    static abstract V And(V a, V b);

    static abstract V Or(V a, V b);

    /// <summary>Mask of a &lt; b; false for NaN.</summary>
    static abstract V Less(V a, V b);

    /// <summary>Mask of a &gt; b; false for NaN.</summary>
    static abstract V Greater(V a, V b);

    /// <summary>Mask of a == b; false for NaN.</summary>
    static abstract V Equal(V a, V b);

    /// <summary>Mask of a != b; true for NaN.</summary>
    static abstract V NotEqual(V a, V b);

    /// <summary>a &lt; b ? a : b</summary>
    static abstract V Smaller(V a, V b);

    /// <summary>a &gt; b ? a : b</summary>
    static abstract V Larger(V a, V b);

    /// <summary>mask ? a : b</summary>
    static abstract V Choose(V mask, V a, V b);

    /// <summary>As <see cref="ILanes{T}.Limit"/>.</summary>
    static abstract V Limit(V value, V top);

    static abstract V Abs(V value);

    static abstract V Sqrt(V value);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract V Round(V value);

    static abstract V Floor(V value);

    /// <summary>What <see cref="Scalar.NearestInt.Of"/> gives, converted to a float.</summary>
    static abstract V NearestInt(V value);

    /// <summary>As <see cref="ILanes{T}.UnevenIndex"/>.</summary>
    static abstract V UnevenIndex(V value);

    /// <summary>As <see cref="ILanes{T}.UnevenValue"/>.</summary>
    static abstract V UnevenValue(V value);

    /// <summary>As <see cref="ILanes{T}.UnevenNeighbours"/>.</summary>
    static abstract (V Low, V High) UnevenNeighbours(V value);

    /// <summary>As <see cref="ILanes{T}.OddOfThree"/>.</summary>
    static abstract V OddOfThree(V codes, int bit);

    /// <summary>As <see cref="ILanes{T}.OddOfEight"/>.</summary>
    static abstract V OddOfEight(V codes, int bit);

    /// <summary>The largest value of all lanes; none is NaN.</summary>
    static abstract float Largest(V value);

    /// <summary>One bit a lane, the first lane lowest.</summary>
    static abstract uint Bits(V mask);
}
