using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace ModelPort.Parity.Serving;

/// <summary>What times were taken on.</summary>
/// <param name="Processor">The processor's own name, or its architecture where it tells none.</param>
/// <param name="Cores">Logical processors that the process may use.</param>
/// <param name="Threads">Threads that computed.</param>
/// <param name="OperatingSystem">The operating system.</param>
/// <param name="CpuBackend">The variant of llama.cpp's CPU back-end.</param>
public sealed record Hardware(string Processor, int Cores, int Threads, string OperatingSystem, string CpuBackend)
{
    private const int Extended = unchecked((int)0x80000000);

    /// <summary>This machine.</summary>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="cpuBackend">The variant of llama.cpp's CPU back-end.</param>
    public static Hardware Here(int threads, string cpuBackend) =>
        new(ProcessorName(), Environment.ProcessorCount, Math.Min(threads, Environment.ProcessorCount), RuntimeInformation.OSDescription, cpuBackend);

    private static string ProcessorName() =>
        Named(X86Base.IsSupported ? Brand() : null)
        ?? Named(OperatingSystemFile("/proc/cpuinfo"))
        ?? Named(Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER"))
        ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>The brand string of CPUID leaves 0x80000002 to 0x80000004 (AMD64 Architecture Programmer's Manual, volume 3, appendix E).</summary>
    private static string? Brand()
    {
        if ((uint)X86Base.CpuId(Extended, 0).Eax < unchecked((uint)(Extended + 4)))
        {
            return null;
        }

        var bytes = new List<byte>();
        for (var leaf = 2; leaf <= 4; leaf++)
        {
            var (a, b, c, d) = X86Base.CpuId(Extended + leaf, 0);
            bytes.AddRange(new[] { a, b, c, d }.SelectMany(BitConverter.GetBytes));
        }

        return Encoding.ASCII.GetString([.. bytes.TakeWhile(b => b != 0)]);
    }

    private static string? OperatingSystemFile(string path)
    {
        try
        {
            return !File.Exists(path) ? null : File.ReadLines(path)
                .Select(line => line.Split(':', 2))
                .FirstOrDefault(pair => pair.Length == 2 && pair[0].Trim() is "model name" or "Model")?[1];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Named(string? name) => string.IsNullOrWhiteSpace(name) ? null : name.Trim();
}
