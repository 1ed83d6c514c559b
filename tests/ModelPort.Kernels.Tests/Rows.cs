using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Kernels.Tests;

/// <summary>What a row looks like. Together they reach every branch of the quantisers.</summary>
public enum RowKind
{
    Gaussian, BFloat16Gaussian, Uniform, Cauchy, AllPositive, AllNegative, Constant, SignedZeros, Denormal, Tiny, Huge,
    FewValues, ScalesOverDecades, Mixed, Outliers, RandomBits, LargeOffset, Ties,
}

/// <summary>What the importance of the columns looks like.</summary>
public enum ImportanceKind
{
    None, Uniform, Decades, Zero, One, LogNormal,
}

/// <summary>Rows and importance of every kind, from a seed.</summary>
internal static class Rows
{
    internal static float[] Create(RowKind kind, int seed, int length)
    {
        var random = new Random(seed);
        float scale = MathF.Pow(10, (random.NextSingle() * 4) - 3);
        var x = new float[length];
        for (int i = 0; i < length; i++)
        {
            uint hash = (uint)(i / 16) * 2654435761u;
            x[i] = kind switch
            {
                RowKind.Gaussian => Gauss(random) * scale,
                RowKind.BFloat16Gaussian => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(Gauss(random) * scale) & 0xFFFF0000),
                RowKind.Uniform => ((random.NextSingle() * 2) - 1) * scale,
                RowKind.Cauchy => (float)Math.Tan(Math.PI * (random.NextDouble() - 0.5)) * scale,
                RowKind.AllPositive => Math.Abs(Gauss(random)) * scale,
                RowKind.AllNegative => (-Math.Abs(Gauss(random)) * scale) - (i / 256 % 3 == 0 ? 1 : 0),
                RowKind.Constant => i % 32 == 0 && i / 256 % 2 == 1 ? Gauss(random) : i == 0 ? scale : x[i - 1],
                RowKind.SignedZeros => random.Next(64) == 0 ? Gauss(random) : random.Next(2) == 0 ? 0f : -0f,
                RowKind.Denormal => Sign(random) * BitConverter.UInt32BitsToSingle((uint)random.Next(0x800000)),
                RowKind.Tiny => Sign(random) * (float)Math.Pow(10, -45 + (35 * random.NextDouble())),
                RowKind.Huge => Sign(random) * (float)Math.Pow(10, 4 + (34.5 * random.NextDouble())),
                RowKind.FewValues => (random.Next(5) - 2) * scale,
                RowKind.ScalesOverDecades => Gauss(random) * MathF.Pow(10, ((hash >> 20) % 9) - 4f),
                RowKind.Mixed => Mix((hash >> 18) % 6, scale, random),
                RowKind.Outliers => Gauss(random) * scale * (random.Next(50) == 0 ? 100 : 1),
                RowKind.RandomBits => FiniteBits(random),
                RowKind.LargeOffset => 100 + (Gauss(random) * 0.001f * scale),
                RowKind.Ties => MathF.Round(Gauss(random) * 8) * 0.5f * scale,
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            };
        }

        return x;
    }

    internal static float[] Importance(ImportanceKind kind, int seed, int length)
    {
        var random = new Random(seed + 1);
        var importance = new float[kind == ImportanceKind.None ? 0 : length];
        for (int i = 0; i < importance.Length; i++)
        {
            importance[i] = kind switch
            {
                ImportanceKind.Uniform => random.NextSingle(),
                ImportanceKind.Decades => random.Next(4) == 0 ? 0f : MathF.Pow(10, (random.NextSingle() * 8) - 4),
                ImportanceKind.Zero => 0f,
                ImportanceKind.One => 1f,
                _ => MathF.Exp(2 * Gauss(random)),
            };
        }

        return importance;
    }

    /// <summary>What ggml takes without ending the process: some types demand importance, and grids are searched within limits.</summary>
    internal static (float[] Rows, float[] Importance) Accepted(BlockType type, float[] rows, float[] importance, int rowLength)
    {
        float limit = GgmlQuantizer.LargestValue((int)type) / 10;
        return (
            limit < 1e30f ? [.. rows.Select(x => Math.Clamp(x, -limit, limit))] : rows,
            importance.Length == 0 && GgmlQuantizer.RequiresImportance((int)type) ? [.. Enumerable.Repeat(1f, rowLength)] : importance);
    }

    private static float Mix(uint choice, float scale, Random random) => choice switch
    {
        0 => 0f,
        1 => scale,
        2 => Gauss(random),
        3 => Math.Abs(Gauss(random)),
        4 => -scale,
        _ => random.Next(3) - 1,
    };

    private static float Sign(Random random) => (random.Next(2) * 2) - 1;

    private static float FiniteBits(Random random)
    {
        while (true)
        {
            float value = BitConverter.Int32BitsToSingle((int)random.NextInt64(int.MinValue, 1L << 31));
            if (float.IsFinite(value))
            {
                return value;
            }
        }
    }

    private static float Gauss(Random random) =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
