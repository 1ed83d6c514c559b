using System.CommandLine;
using System.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels;

namespace ModelPort.Benchmarks;

/// <summary>The verb <c>kernels</c>: block quantisers against ggml_quantize_chunk, one thread, alternating in one process.</summary>
internal static class KernelsBenchmark
{
    private const int RowLength = 4096;

    internal static Command Command()
    {
        var rounds = new Option<int>("--rounds") { Description = "Alternating measurements a type.", DefaultValueFactory = _ => 15 };
        var rows = new Option<int>("--rows") { Description = $"Rows of {RowLength} values a measurement.", DefaultValueFactory = _ => 16 };
        var types = new Option<BlockType[]>("--type") { Description = "Types to measure, all by default.", AllowMultipleArgumentsPerToken = true };
        var here = new Option<bool>("--this-width") { Description = "Only the widest registers that the processor has." };
        var command = new Command("kernels", "Block quantisers against ggml_quantize_chunk, for each width of registers.") { rounds, rows, types, here };
        command.SetAction(parsed =>
        {
            BlockType[] chosen = parsed.GetValue(types) is { Length: > 0 } some ? some : [.. Enum.GetValues<BlockType>().Where(BlockQuantizer.IsSupported)];
            if (!parsed.GetValue(here))
            {
                return RegisterWidths.Run(
                    ["kernels", "--this-width", "--rounds", $"{parsed.GetValue(rounds)}", "--rows", $"{parsed.GetValue(rows)}", "--type", .. chosen.Select(type => $"{type}")]);
            }

            Measure(chosen, parsed.GetValue(rounds), parsed.GetValue(rows));
            return 0;
        });
        return command;
    }

    private static void Measure(BlockType[] types, int rounds, int rows)
    {
        Console.WriteLine();
        Console.WriteLine($"Registers of {RegisterWidths.Widest} bits, {rows} rows of {RowLength}, the least of {rounds}; MB of floats a second, one thread.");
        Console.WriteLine("          without importance        with importance");
        Console.WriteLine("type       ggml    ours  ratio     ggml    ours  ratio");
        float[] values = Gaussian(rows * RowLength), importance = [.. Gaussian(RowLength).Select(x => MathF.Exp(2 * x))];
        foreach (BlockType type in types)
        {
            bool ignored = type is BlockType.Q8_0 or BlockType.MXFP4 or BlockType.TQ1_0 or BlockType.TQ2_0;
            string without = GgmlQuantizer.RequiresImportance((int)type) ? Blank : Row(type, values, [], rounds);
            string with = ignored ? Blank : Row(type, values, importance, rounds);
            Console.WriteLine($"{type,-8}{without}  {with}".TrimEnd());
        }
    }

    private static string Blank => new(' ', 23);

    private static string Row(BlockType type, float[] values, float[] importance, int rounds)
    {
        (double ggml, double ours) = Measure(type, values, importance, rounds);
        double megabytes = values.Length * sizeof(float) / 1e6;
        return FormattableString.Invariant($"{megabytes / ggml,7:F1} {megabytes / ours,7:F0} {ggml / ours,6:F1}x");
    }

    /// <summary>The least seconds of both, measured in turn: whatever else the machine does only adds.</summary>
    private static (double Ggml, double Ours) Measure(BlockType type, float[] values, float[] importance, int rounds)
    {
        var blocks = new byte[values.Length / BlockQuantizer.BlockElements(type) * BlockQuantizer.BlockBytes(type)];
        double ggml = double.MaxValue, ours = double.MaxValue;
        for (int round = -1; round < rounds; round++)
        {
            double first = Seconds(() => Ggml.Quantize(type, values, blocks, RowLength, importance));
            double second = Seconds(() => BlockQuantizer.Quantize(type, values, blocks, RowLength, importance));

            // The first round compiles.
            if (round >= 0)
            {
                (ggml, ours) = (Math.Min(ggml, first), Math.Min(ours, second));
            }
        }

        return (ggml, ours);
    }

    /// <summary>Repeats until the clock sees enough of it.</summary>
    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        int times = 0;
        double seconds;
        do
        {
            action();
            times++;
            seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        while (seconds < 0.005);
        return seconds / times;
    }

    private static float[] Gaussian(int length)
    {
        var random = new Random(5);
        var values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }
}
