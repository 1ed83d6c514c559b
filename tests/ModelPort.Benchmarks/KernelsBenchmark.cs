using System.CommandLine;
using System.Diagnostics;
using System.Runtime.Intrinsics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels;

namespace ModelPort.Benchmarks;

/// <summary>The verb <c>kernels</c>: block quantisers against ggml_quantize_chunk, one thread, alternating in one process.</summary>
internal static class KernelsBenchmark
{
    private const int RowLength = 4096;

    // What the runtime must not use for lanes of at most so many bits.
    private static readonly (string Width, string[] Off)[] s_widths =
    [
        ("512", []),
        ("256", ["DOTNET_EnableAVX512"]),
        ("128", ["DOTNET_EnableAVX512", "DOTNET_EnableAVX2", "DOTNET_EnableAVX"]),
    ];

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
            if (parsed.GetValue(here))
            {
                Measure(chosen, parsed.GetValue(rounds), parsed.GetValue(rows));
                return 0;
            }

            return RunWidths(chosen, parsed.GetValue(rounds), parsed.GetValue(rows));
        });
        return command;
    }

    /// <summary>Runs this program again for each width: the JIT decides once a process.</summary>
    private static int RunWidths(BlockType[] types, int rounds, int rows)
    {
        foreach ((string width, string[] off) in s_widths)
        {
            if (width == "512" && !Vector512.IsHardwareAccelerated)
            {
                Console.WriteLine("512 bits: this processor has none.");
                continue;
            }

            var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
            string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
            string[] arguments = [.. host, "kernels", "--this-width", "--rounds", $"{rounds}", "--rows", $"{rows}", "--type", .. types.Select(type => $"{type}")];
            foreach (string argument in arguments)
            {
                start.ArgumentList.Add(argument);
            }

            foreach (string name in off)
            {
                start.Environment[name] = "0";
            }

            using Process process = Process.Start(start)!;
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                return process.ExitCode;
            }
        }

        return 0;
    }

    private static void Measure(BlockType[] types, int rounds, int rows)
    {
        int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        Console.WriteLine();
        Console.WriteLine($"Registers of {width} bits, {rows} rows of {RowLength}, median of {rounds}; MB of floats a second, one thread.");
        Console.WriteLine("type     importance    ggml    ours   ratio");
        float[] values = Gaussian(rows * RowLength), importance = [.. Gaussian(RowLength).Select(x => MathF.Exp(2 * x))];
        foreach (BlockType type in types)
        {
            foreach (float[] columns in new[] { [], importance })
            {
                bool ignored = type is BlockType.Q8_0 or BlockType.MXFP4 or BlockType.TQ1_0 or BlockType.TQ2_0;
                if (columns.Length > 0 ? ignored : GgmlQuantizer.RequiresImportance((int)type))
                {
                    continue;
                }

                (double ggml, double ours) = Measure(type, values, columns, rounds);
                double megabytes = values.Length * sizeof(float) / 1e6;
                Console.WriteLine(
                    FormattableString.Invariant($"{type,-8} {(columns.Length > 0 ? "yes" : "no"),10} {megabytes / ggml,7:F1} {megabytes / ours,7:F0} {ggml / ours,6:F1}x"));
            }
        }
    }

    /// <summary>Median seconds of both, measured in turn so that a slow moment strikes both.</summary>
    private static (double Ggml, double Ours) Measure(BlockType type, float[] values, float[] importance, int rounds)
    {
        var blocks = new byte[values.Length / BlockQuantizer.BlockElements(type) * BlockQuantizer.BlockBytes(type)];
        var ggml = new List<double>();
        var ours = new List<double>();
        for (int round = -1; round < rounds; round++)
        {
            double first = Seconds(() => Ggml.Quantize(type, values, blocks, RowLength, importance));
            double second = Seconds(() => BlockQuantizer.Quantize(type, values, blocks, RowLength, importance));

            // The first round compiles.
            if (round >= 0)
            {
                ggml.Add(first);
                ours.Add(second);
            }
        }

        return (Sample.Median(ggml), Sample.Median(ours));
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
