using System.Diagnostics;
using System.Runtime.Intrinsics;

namespace ModelPort.Benchmarks;

/// <summary>The widths of registers that kernels use. The runtime decides once a process, so each width is a process of its own.</summary>
internal static class RegisterWidths
{
    // What the runtime must not use for registers of at most so many bits.
    private static readonly (int Bits, string[] Off)[] s_widths =
    [
        (512, []),
        (256, ["DOTNET_EnableAVX512"]),
        (128, ["DOTNET_EnableAVX512", "DOTNET_EnableAVX2", "DOTNET_EnableAVX"]),
    ];

    /// <summary>Bits of the widest registers that this process uses at full speed.</summary>
    internal static int Widest => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Runs this program again for each width that the processor has; returns the first exit code other than zero, or zero.</summary>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        int failed = 0;
        foreach ((int bits, string[] off) in s_widths)
        {
            if (bits > Widest)
            {
                Console.WriteLine($"Registers of {bits} bits: this processor has none, or not at full speed.");
                continue;
            }

            string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
            var start = new ProcessStartInfo(Environment.ProcessPath!, [.. host, .. arguments]) { UseShellExecute = false };
            foreach (string name in off)
            {
                start.Environment[name] = "0";
            }

            using Process process = Process.Start(start)!;
            process.WaitForExit();
            failed = failed == 0 ? process.ExitCode : failed;
        }

        return failed;
    }
}
