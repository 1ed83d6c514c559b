using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.GridBlocks"/> for a batch of super-blocks: IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S.</summary>
/// <typeparam name="T">Lanes for what goes block by block or group by group.</typeparam>
/// <typeparam name="TFew">Lanes for what goes along values or candidates: a register.</typeparam>
internal static unsafe class GridBlocks<T, TFew>
    where T : struct, ILanes<T>
    where TFew : struct, ILanes<TFew>
{
    private const int Elements = GridFormat.Elements;

    // Floats in a cache line.
    private const int Line = 16;

    /// <summary>Quantises up to <c>T.Count</c> super-blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(BlockType type, Batch batch)
    {
        GridFormat format = GridFormat.Of(type);
        // The first search has one group in each lane, so it takes as many super-blocks as have groups for all lanes.
        int chunk = format.SearchesFirst ? T.Count / format.Groups : 1;
        float* values = stackalloc float[(4 * chunk * Elements) + Line];
        values = Aligned(values);
        var group = new GridGroup
        {
            Values = values,
            Weights = values + (chunk * Elements),
            Products = values + (2 * chunk * Elements),
            Roots = values + (3 * chunk * Elements),
        };
        float* squares = stackalloc float[2 * T.Count];
        float* firstScales = squares + T.Count;
        byte* signs = stackalloc byte[chunk * GridFormat.Octets];
        float* room = stackalloc float[GridRoom.Size + Line];
        room = Aligned(room);
        new Span<float>(squares, T.Count).Clear();
        if (batch.Weighted || format.WeighsMeanSquare)
        {
            LaneSource<T>.SumsOfSquares(batch.Values, batch.Blocks, Elements, squares);
        }

        for (int first = 0; first < batch.Blocks; first += chunk)
        {
            int end = Math.Min(first + chunk, batch.Blocks);
            for (int b = first; b < end; b++)
            {
                ReadOnlySpan<float> importance = batch.BlockImportance(b, Elements);
                Prepare(format, batch.Values + (b * Elements), importance, format.Sigma2(squares[b]), group.At((b - first) * Elements), signs + ((b - first) * GridFormat.Octets));
            }

            if (format.SearchesFirst)
            {
                SearchFirst(format, group, (end - first) * format.Groups, firstScales);
            }

            for (int b = first; b < end; b++)
            {
                Span<byte> block = batch.Block(b, format.Bytes);
                if (!TryBlock(format, group.At((b - first) * Elements), firstScales + ((b - first) * format.Groups), signs + ((b - first) * GridFormat.Octets), room, block))
                {
                    Scalar.GridBlocks.Quantize(format, batch.BlockValues(b, Elements), batch.BlockImportance(b, Elements), block);
                }
            }
        }
    }

    /// <summary>The next place that begins a cache line: registers must not straddle lines.</summary>
    private static float* Aligned(float* room) => (float*)(((nuint)room + (Line * sizeof(float)) - 1) / (Line * sizeof(float)) * (Line * sizeof(float)));

    /// <summary>Weights, signs and magnitudes of a super-block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prepare(GridFormat format, float* x, ReadOnlySpan<float> importance, float sigma2, in GridGroup group, byte* signs)
    {
        TFew mean = TFew.Broadcast(sigma2), quarter = TFew.Broadcast(0.25f) * mean, zero = TFew.Broadcast(0f);
        fixed (float* columns = importance)
        {
            for (int i = 0; i < Elements; i += TFew.Count)
            {
                TFew xi = TFew.Load(x + i), square = xi * xi, magnitude = TFew.Abs(xi);
                TFew weight = columns != null ? TFew.Load(columns + i) * TFew.Sqrt(mean + square)
                    : format.WeighsMeanSquare ? quarter + square
                    : square;
                TFew.Store(group.Values + i, magnitude);
                TFew.Store(group.Weights + i, weight);
                TFew.Store(group.Products + i, weight * magnitude);
                TFew.Store(group.Roots + i, TFew.Sqrt(weight));
            }
        }

        for (int i = 0; i < Elements; i += 64)
        {
            ulong negative = 0;
            for (int j = 0; j < 64; j += TFew.Count)
            {
                negative |= TFew.Bits(TFew.Load(x + i + j) < zero) << j;
            }

            MemoryMarshal.Write(new Span<byte>(signs + (i / 8), 8), BitConverter.IsLittleEndian ? negative : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(negative));
        }

        for (int octet = 0; octet < GridFormat.Octets && format.EvenSigns; octet++)
        {
            if ((BitOperations.PopCount(signs[octet]) & 1) != 0)
            {
                signs[octet] ^= (byte)(1 << FlipCheapest(group.At(8 * octet)));
            }
        }
    }

    /// <summary>Makes negative the one of eight values whose sign costs least; the first of equal ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FlipCheapest(in GridGroup eight)
    {
        Vector128<float> low = Vector128.Load(eight.Products) * Vector128.Load(eight.Values);
        Vector128<float> high = Vector128.Load(eight.Products + 4) * Vector128.Load(eight.Values + 4);
        Vector128<float> least = Vector128.MinNative(low, high);
        least = Vector128.MinNative(least, Vector128.Shuffle(least, Vector128.Create(2, 3, 0, 1)));
        least = Vector128.MinNative(least, Vector128.Shuffle(least, Vector128.Create(1, 0, 3, 2)));
        uint equal = Vector128.Equals(low, least).ExtractMostSignificantBits() | (Vector128.Equals(high, least).ExtractMostSignificantBits() << 4);

        // Nothing equals a NaN.
        int cheapest = BitOperations.TrailingZeroCount(equal | 0x80);
        eight.Values[cheapest] = -eight.Values[cheapest];
        eight.Products[cheapest] = -eight.Products[cheapest];
        return cheapest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void SearchFirst(GridFormat format, in GridGroup group, int groups, float* scales)
    {
        int table = format.Group * T.Count;
        float* tables = stackalloc float[3 * table];
        LaneSource<T>.Values(group.Values, groups, format.Group, tables);
        LaneSource<T>.Values(group.Weights, groups, format.Group, tables + table);
        PositiveSearch<T>.Run(Scalar.GridBlocks.FirstSearchTop, format.Group, tables, tables + table, tables + (2 * table), scales);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static bool TryBlock(GridFormat format, in GridGroup values, float* firstScales, byte* signs, float* room, Span<byte> block)
    {
        int size = format.Group, places = size / format.Grid.Dimensions;
        Span<float> scales = stackalloc float[GridFormat.MaxGroups];
        Span<ushort> points = stackalloc ushort[GridFormat.MaxPoints];
        points.Clear();
        uint zeros = 0;
        for (int j = 0; j < format.Groups; j++)
        {
            GridGroup group = values.At(j * size);
            TFew largest = TFew.Load(group.Values);
            for (int i = TFew.Count; i < size; i += TFew.Count)
            {
                largest = TFew.Larger(largest, TFew.Load(group.Values + i));
            }

            float range = TFew.Largest(largest), scale = format.SearchesFirst ? firstScales[j] : range / format.Top;
            bool zero = range < format.Smallest;
            if (format.SearchesFirst)
            {
                range = scale * format.Grid.Levels;
                zero |= range <= 0;
            }

            if (zero)
            {
                scales[j] = 0;
                zeros |= 1u << j;
                new Span<byte>(signs + (j * size / 8), size / 8).Clear();
                continue;
            }

            Span<ushort> found = points.Slice(j * places, places);
            if (!(format.Grid.Dimensions == 8
                ? GridSearch<TFew, EightOfThree>.TryRun(format, group, range, room, found, ref scale)
                : GridSearch<TFew, FourOfEight>.TryRun(format, group, range, room, found, ref scale)))
            {
                return false;
            }

            scales[j] = scale;
            if (scale < 0)
            {
                scales[j] = -scale;
                for (int octet = j * size / 8; octet < (j + 1) * size / 8; octet++)
                {
                    signs[octet] = (byte)~signs[octet];
                }
            }
        }

        format.Write(block, scales[..format.Groups], points[..(format.Groups * places)], new ReadOnlySpan<byte>(signs, GridFormat.Octets), zeros);
        return true;
    }
}
