using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Where <see cref="ILanes{T}.Round"/> and ggml's nearest_int agree.</summary>
internal static class Tameness
{
    /// <summary>Mask: the value lies well within +-2^22, beyond which nearest_int gives bits instead of a rounded number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T Of<T>(T value)
        where T : struct, ILanes<T> => T.Abs(value) < T.Broadcast(2097152f);
}
