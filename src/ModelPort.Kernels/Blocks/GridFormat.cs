using System.Buffers.Binary;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>Super-blocks of 256 values whose magnitudes lie on a grid: IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S (ggml-common.h).</summary>
internal sealed record GridFormat
{
    internal const int Elements = 256;
    internal const int MaxGroups = 16;
    internal const int MaxPoints = 64;
    internal const int Octets = Elements / 8;

    private static readonly Lazy<GridFormat> s_iq2_xxs = new(() => new()
    {
        Type = BlockType.IQ2_XXS,
        Grid = new Grid(8, 3, 2, GridPoints.EightOf256),
        Group = 32,
        Steps = 6,
        Delta = 0.1f,
        EvenSigns = true,
        Refines = Refinement.Always,
    });

    private static readonly Lazy<GridFormat> s_iq2_xs = new(() => new()
    {
        Type = BlockType.IQ2_XS,
        Grid = new Grid(8, 3, 2, GridPoints.EightOf512),
        Group = 16,
        Steps = 9,
        Delta = 0.1f,
        EvenSigns = true,
    });

    private static readonly Lazy<GridFormat> s_iq2_s = new(() => new()
    {
        Type = BlockType.IQ2_S,
        Grid = new Grid(8, 3, 1, GridPoints.EightOf1024),
        Group = 16,
        Steps = 9,
        Delta = 0.1f,
        Smallest = 1e-8f,
        SquaresInSigma2 = 2,
        ScaleFactor = 0.9875f,
    });

    private static readonly Lazy<GridFormat> s_iq3_xxs = new(() => new()
    {
        Type = BlockType.IQ3_XXS,
        Grid = new Grid(4, 8, 2, GridPoints.FourOf256),
        Group = 32,
        Steps = 15,
        Delta = 0.2f,
        EvenSigns = true,
        Smallest = 1e-8f,
        SquaresInSigma2 = 2,
        ScaleFactor = 1.0125f,
    });

    private static readonly Lazy<GridFormat> s_iq3_s = new(() => new()
    {
        Type = BlockType.IQ3_S,
        Grid = new Grid(4, 8, 3, GridPoints.FourOf512),
        Group = 32,
        Steps = 9,
        Delta = 0.2f,
        Smallest = float.Epsilon,
        SquaresInSigma2 = 2,
        ScaleFactor = 1.033f,
        Refines = Refinement.AllIfAnyIsOff,
    });

    /// <summary>Which points are searched again under the scale that was found.</summary>
    internal enum Refinement
    {
        /// <summary>Those of cells that are off the grid.</summary>
        Off,

        /// <summary>All of a group, if any of its cells is off the grid.</summary>
        AllIfAnyIsOff,

        /// <summary>All of every group.</summary>
        Always,
    }

    internal required BlockType Type { get; init; }

    internal required Grid Grid { get; init; }

    /// <summary>Values that share a scale: 16 or 32.</summary>
    internal required int Group { get; init; }

    /// <summary>Candidates to either side of the scale that maps the largest magnitude to the highest level.</summary>
    internal required int Steps { get; init; }

    /// <summary>Distance of the candidates.</summary>
    internal required float Delta { get; init; }

    /// <summary>Whether an even number of each eight values must be negative, so that seven signs are stored; else eight are.</summary>
    internal bool EvenSigns { get; init; }

    /// <summary>Groups whose largest magnitude is below this count as zero.</summary>
    internal float Smallest { get; init; } = ScaleSearch.ZeroGroup;

    /// <summary>The mean square counts so many times in the weights.</summary>
    internal float SquaresInSigma2 { get; init; } = 1;

    /// <summary>What a super-block's factor is multiplied by before it is stored.</summary>
    internal float ScaleFactor { get; init; } = 1;

    /// <summary>Whether, without importance, a quarter of the mean square is added to each square in the weights.</summary>
    internal bool WeighsMeanSquare => Type == BlockType.IQ2_S;

    internal Refinement Refines { get; init; }

    /// <summary>The grid as kernels read it.</summary>
    internal GridTables Tables => field ??= new GridTables(this);

    internal int Bytes => BlockQuantizer.BlockBytes(Type);

    internal int Groups => Elements / Group;

    /// <summary>The highest magnitude of a point: levels stand for odd numbers.</summary>
    internal int Top => (2 * Grid.Levels) - 1;

    /// <summary>Whether the first scale comes from a search over all levels without a grid, as far as <see cref="Top"/> permits.</summary>
    internal bool SearchesFirst => Type == BlockType.IQ2_XXS;

    internal static GridFormat Of(BlockType type) => type switch
    {
        BlockType.IQ2_XXS => s_iq2_xxs.Value,
        BlockType.IQ2_XS => s_iq2_xs.Value,
        BlockType.IQ2_S => s_iq2_s.Value,
        BlockType.IQ3_XXS => s_iq3_xxs.Value,
        _ => s_iq3_s.Value,
    };

    internal static bool Has(BlockType type) =>
        type is BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS or BlockType.IQ3_S;

    /// <summary>What the scale that maps the largest magnitude to <see cref="Top"/> is stretched to. Each operation rounds on its own.</summary>
    internal float Candidate(int step) => Top + (step * Delta);

    /// <summary>What the weights have of the mean square.</summary>
    internal float Sigma2(float sumOfSquares) => SquaresInSigma2 * sumOfSquares / Elements;

    /// <summary>Writes a super-block.</summary>
    /// <param name="block">Receives the bytes.</param>
    /// <param name="scales">One scale a group, zero or more.</param>
    /// <param name="points">The points' numbers.</param>
    /// <param name="signs">One bit a value, set for minus.</param>
    /// <param name="zeros">One bit a group, the first lowest, set for zero groups: scale, points and signs are zero.</param>
    internal void Write(Span<byte> block, ReadOnlySpan<float> scales, ReadOnlySpan<ushort> points, ReadOnlySpan<byte> signs, uint zeros)
    {
        block.Clear();
        float largest = 0;
        foreach (float scale in scales)
        {
            largest = largest > scale ? largest : scale;
        }

        float d = largest / 31, inverse = 1 / d;
        Span<byte> levels = stackalloc byte[MaxGroups];
        levels = levels[..scales.Length];
        levels.Clear();
        if (largest != 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(d * ScaleFactor));
            for (int j = 0; j < scales.Length; j++)
            {
                levels[j] = (byte)NearestInt.Clamped(0.5f * ((inverse * scales[j]) - 1), 0, 15);
            }
        }
        else if (EvenSigns)
        {
            return;
        }

        Span<byte> fields = block[2..];
        switch (Type)
        {
            case BlockType.IQ2_XXS:
                for (int j = 0; j < 8; j++)
                {
                    uint four = 0;
                    for (int k = 0; k < 4; k++)
                    {
                        four |= (uint)points[(4 * j) + k] << (8 * k);
                    }

                    BinaryPrimitives.WriteUInt32LittleEndian(fields[(8 * j)..], four);
                    BinaryPrimitives.WriteUInt32LittleEndian(fields[((8 * j) + 4)..], SevenSigns(signs[(4 * j)..], levels[j]));
                }

                break;
            case BlockType.IQ2_XS:
                for (int k = 0; k < Octets; k++)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(fields[(2 * k)..], (ushort)(points[k] | ((signs[k] & 127) << 9)));
                }

                Nibbles(levels, fields[64..]);
                break;
            case BlockType.IQ2_S:
                LowBytes(points[..Octets], fields);
                signs.CopyTo(fields[32..]);
                for (int k = 0; k < Octets; k++)
                {
                    fields[64 + (k / 4)] |= (byte)((points[k] >> 8) << (2 * (k % 4)));
                }

                Nibbles(levels, fields[72..]);
                break;
            case BlockType.IQ3_XXS:
                LowBytes(points, fields);
                for (int j = 0; j < 8; j++)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(fields[(64 + (4 * j))..], SevenSigns(signs[(4 * j)..], levels[j]));
                }

                break;
            default:
                // ggml leaves no room for zero groups: points and signs behind one move up, though not the ninth bits.
                for (int j = 0, place = 0; j < 8; j++)
                {
                    if ((zeros & (1u << j)) != 0)
                    {
                        continue;
                    }

                    ReadOnlySpan<ushort> eight = points.Slice(8 * j, 8);
                    LowBytes(eight, fields[(8 * place)..]);
                    signs.Slice(4 * j, 4).CopyTo(fields[(72 + (4 * place++))..]);
                    for (int k = 0; k < 8; k++)
                    {
                        fields[64 + j] |= (byte)((eight[k] >> 8) << k);
                    }
                }

                Nibbles(levels, fields[104..]);
                break;
        }
    }

    /// <summary>The signs of 32 values, seven of each eight, and a group's scale.</summary>
    private static uint SevenSigns(ReadOnlySpan<byte> signs, byte level) =>
        (signs[0] & 127u) | ((signs[1] & 127u) << 7) | ((signs[2] & 127u) << 14) | ((signs[3] & 127u) << 21) | ((uint)level << 28);

    private static void LowBytes(ReadOnlySpan<ushort> points, Span<byte> destination)
    {
        for (int k = 0; k < points.Length; k++)
        {
            destination[k] = (byte)points[k];
        }
    }

    private static void Nibbles(ReadOnlySpan<byte> levels, Span<byte> destination)
    {
        for (int j = 0; j < levels.Length; j += 2)
        {
            destination[j / 2] = (byte)(levels[j] | (levels[j + 1] << 4));
        }
    }
}
