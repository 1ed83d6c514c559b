using System.CommandLine;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels;
using ModelPort.Kernels.Tests;

namespace ModelPort.Benchmarks;

/// <summary>The verb <c>check-kernels</c>: the bytes of every kernel against ggml_quantize_chunk, on this processor, for each width of registers.</summary>
internal static class KernelsCheck
{
    private const int MaxRowBlocks = 40;
    private const int MaxRows = 4;

    internal static Command Command()
    {
        var blocks = new Option<int>("--blocks") { Description = "Blocks of each type, at least one row of each kind of values and importance.", DefaultValueFactory = _ => 20000 };
        var seed = new Option<int>("--seed") { Description = "Start of the random numbers.", DefaultValueFactory = _ => 1 };
        var types = new Option<BlockType[]>("--type") { Description = "Types to check, all by default.", AllowMultipleArgumentsPerToken = true };
        var here = new Option<bool>("--this-width") { Description = "Only the widest registers that the processor has." };
        var command = new Command("check-kernels", "Bytes of the block quantisers against ggml_quantize_chunk, for each width of registers; fails where one differs.") { blocks, seed, types, here };
        command.SetAction(parsed =>
        {
            BlockType[] chosen = parsed.GetValue(types) is { Length: > 0 } some ? some : [.. Enum.GetValues<BlockType>().Where(BlockQuantizer.IsSupported)];
            return parsed.GetValue(here)
                ? Check(chosen, parsed.GetValue(blocks), parsed.GetValue(seed))
                : RegisterWidths.Run(
                    ["check-kernels", "--this-width", "--blocks", $"{parsed.GetValue(blocks)}", "--seed", $"{parsed.GetValue(seed)}", "--type", .. chosen.Select(type => $"{type}")]);
        });
        return command;
    }

    private static int Check(BlockType[] types, int blocks, int seed)
    {
        Console.WriteLine($"Registers of {RegisterWidths.Widest} bits.");
        long wrong = 0;
        foreach (BlockType type in types)
        {
            (long compared, long different) = Check(type, blocks, seed);
            Console.WriteLine($"{type,-8} {compared,9} blocks, {different} differ");
            wrong += different;
        }

        return wrong == 0 ? 0 : 1;
    }

    /// <summary>Kinds of values and importance take turns; rows and their number vary in length.</summary>
    private static (long Compared, long Different) Check(BlockType type, int blocks, int seed)
    {
        var random = new Random(seed);
        RowKind[] kinds = Enum.GetValues<RowKind>();
        ImportanceKind[] importances = Enum.GetValues<ImportanceKind>();
        long compared = 0, different = 0;
        for (int turn = 0; compared < blocks || turn < kinds.Length * importances.Length; turn++)
        {
            RowKind kind = kinds[turn % kinds.Length];
            ImportanceKind importance = importances[turn / kinds.Length % importances.Length];
            int rowLength = random.Next(1, MaxRowBlocks + 1) * BlockQuantizer.BlockElements(type), rows = random.Next(1, MaxRows + 1), start = random.Next();
            (float[] values, float[] weights) = Rows.Accepted(type, Rows.Create(kind, start, rows * rowLength), Rows.Importance(importance, start, rowLength), rowLength);
            int count = Compare(type, values, rowLength, weights, out int all);
            if (count > 0)
            {
                Console.WriteLine($"{type}: {count} of {all} blocks differ; {kind}, importance {importance}, {rows} rows of {rowLength}, start {start}");
            }

            (compared, different) = (compared + all, different + count);
        }

        return (compared, different);
    }

    private static int Compare(BlockType type, float[] values, int rowLength, float[] importance, out int blocks)
    {
        int bytes = BlockQuantizer.BlockBytes(type), different = 0;
        blocks = values.Length / BlockQuantizer.BlockElements(type);
        var expected = new byte[blocks * bytes];
        var actual = new byte[blocks * bytes];
        GgmlQuantizer.Quantize((int)type, values, expected, rowLength, importance);
        BlockQuantizer.Quantize(type, values, actual, rowLength, importance);
        for (int b = 0; b < blocks; b++)
        {
            different += expected.AsSpan(b * bytes, bytes).SequenceEqual(actual.AsSpan(b * bytes, bytes)) ? 0 : 1;
        }

        return different;
    }
}
