using CsCheck;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Tests;

public class GridTests
{
    public static TheoryData<BlockType> Types => [BlockType.IQ2_XXS, BlockType.IQ2_XS, BlockType.IQ2_S, BlockType.IQ3_XXS, BlockType.IQ3_S];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_point_has_the_number_that_ggml_gives_it(BlockType type)
    {
        // A group begins with the point; the rest is a point that holds the highest level, so that no other scale suits the group better.
        GridFormat format = GridFormat.Of(type);
        Grid grid = format.Grid;
        int points = grid.PointCells.Length, placesInGroup = format.Group / grid.Dimensions;
        int highest = Enumerable.Range(0, points).First(point => grid.LevelsOf(point).Contains((byte)(grid.Levels - 1)));
        float[] values =
        [
            .. from point in Enumerable.Range(0, points)
               from place in Enumerable.Range(0, placesInGroup)
               from level in grid.LevelsOf(place == 0 ? point : highest).ToArray()
               select 2f * level + 1,
        ];
        var blocks = new byte[values.Length / GridFormat.Elements * format.Bytes];

        GgmlQuantizer.Quantize((int)type, values, blocks, GridFormat.Elements, [.. Enumerable.Repeat(1f, GridFormat.Elements)]);

        Assert.Equal(Enumerable.Range(0, points), Enumerable.Range(0, points).Select(
            point => Number(type, blocks.AsSpan(point / format.Groups * format.Bytes, format.Bytes), point % format.Groups * placesInGroup)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Lists_hold_the_nearest_points_in_order(BlockType type)
    {
        Grid grid = GridFormat.Of(type).Grid;
        Gen.Int[0, grid.Cells - 1].Sample(cell =>
        {
            int[] levels = LevelsOf(grid, cell);
            int[] distances = [.. Enumerable.Range(0, grid.PointCells.Length).Select(point => Distance(grid, point, levels))];
            int[] list = [.. grid.Near(cell).ToArray().Select(point => (int)point)];

            Assert.Equal(list.OrderBy(point => (distances[point], point)), list);
            Assert.Equal(distances[list[0]] == 0 ? 1 : distances.Count(distance => distance <= distances[list[^1]]), list.Length);
            Assert.Equal(distances.Min(), distances[list[0]]);
            Assert.All(grid.List(grid.Cells + cell).ToArray(), point => Assert.Contains(point, list));
        });
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_short_list_holds_the_best_point_for_values_inside_the_cell(BlockType type)
    {
        Grid grid = GridFormat.Of(type).Grid;
        Gen.Select(Gen.Int[0, grid.Cells - 1], Gen.Int[0, int.MaxValue - 1]).Sample((cell, seed) =>
        {
            var random = new Random(seed);
            float scale = MathF.Exp(random.NextSingle() * 8 - 4);
            float[] roots = [.. Enumerable.Range(0, grid.Dimensions).Select(_ => random.Next(5) == 0 ? 0 : random.NextSingle())];
            float[] values = [.. LevelsOf(grid, cell).Select(level => scale * Inside(grid, level, random))];

            Assert.Equal(Best(grid.Near(cell)), Best(grid.List(grid.Cells + cell)));

            int Best(ReadOnlySpan<ushort> list)
            {
                int best = -1;
                float least = float.MaxValue;
                foreach (ushort point in list)
                {
                    float error = 0;
                    for (int i = 0; i < values.Length; i++)
                    {
                        float difference = (scale * ((2 * grid.LevelsOf(point)[i]) + 1)) - values[i];
                        error += roots[i] * difference * difference;
                    }

                    (least, best) = error < least ? (error, point) : (least, best);
                }

                return best;
            }
        });
    }

    /// <summary>A value that rounds to a level and keeps the distance to the border that kernels ask for; beyond the first and the last level there is no border.</summary>
    private static float Inside(Grid grid, int level, Random random)
    {
        float offset = ((random.NextSingle() * 2) - 1) * 0.9998f;
        offset *= (level == 0 && offset < 0) || (level == grid.Levels - 1 && offset > 0) ? 5 : 1;
        return (2 * level) + 1 + offset;
    }

    private static int[] LevelsOf(Grid grid, int cell)
    {
        var levels = new int[grid.Dimensions];
        for (int i = 0; i < levels.Length; i++)
        {
            (cell, levels[i]) = Math.DivRem(cell, grid.Levels);
        }

        return levels;
    }

    private static int Distance(Grid grid, int point, int[] levels)
    {
        int distance = 0;
        for (int i = 0; i < levels.Length; i++)
        {
            int difference = grid.LevelsOf(point)[i] - levels[i];
            distance += difference * difference;
        }

        return distance;
    }

    /// <summary>The number of a point in a block, by the place of its fields (ggml-common.h, dequantize_row_* of ggml-quants.c).</summary>
    private static int Number(BlockType type, ReadOnlySpan<byte> block, int place) => type switch
    {
        BlockType.IQ2_XXS => block[2 + (place / 4 * 8) + (place % 4)],
        BlockType.IQ2_XS => BitConverter.ToUInt16(block[(2 + (2 * place))..]) & 511,
        BlockType.IQ2_S => block[2 + place] | (((block[66 + (place / 4)] >> (2 * (place % 4))) & 3) << 8),
        BlockType.IQ3_XXS => block[2 + place],
        _ => block[2 + place] | (((block[66 + (place / 8)] >> (place % 8)) & 1) << 8),
    };
}
