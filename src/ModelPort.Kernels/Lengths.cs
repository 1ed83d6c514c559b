using System.Runtime.CompilerServices;

namespace ModelPort.Kernels;

/// <summary>What kernels ask of their spans.</summary>
internal static class Lengths
{
    /// <summary>Requires room for every value.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Require(int source, int destination)
    {
        if (destination < source)
        {
            throw new ArgumentException($"The destination holds {destination} values, the source {source}.", nameof(destination));
        }
    }
}
