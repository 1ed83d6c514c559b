using System.Diagnostics;

namespace ModelPort.Parity.Serving;

/// <summary>The memory of this process that is resident, mapped files included.</summary>
internal static class ProcessMemory
{
    /// <summary>Bytes now.</summary>
    public static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    /// <summary>The most bytes since the process began; where the system does not count them, the bytes now.</summary>
    public static long Peak()
    {
        using var process = Process.GetCurrentProcess();
        return Math.Max(process.PeakWorkingSet64, process.WorkingSet64);
    }
}
