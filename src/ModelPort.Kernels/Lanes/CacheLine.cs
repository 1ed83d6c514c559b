using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Cache lines: a wide register that lies across two of them takes two reads.</summary>
internal static unsafe class CacheLine
{
    /// <summary>Floats of a line.</summary>
    internal const int Floats = 16;

    /// <summary>The first line that starts in a buffer, which needs <see cref="Floats"/> to spare.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* Start(float* buffer) => (float*)(((nuint)buffer + 63) & ~(nuint)63);
}
