using System.Globalization;

namespace ModelPort.Caching;

/// <summary>What a file system knows of a file without reading it: enough to tell that its content has not changed, if it has not changed only just now.</summary>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Written">When its content was last written, as it says, in nanoseconds since 1970; programs can set it to what they like.</param>
/// <param name="Changed">When anything of it was last changed, in nanoseconds since 1970; only the clock sets it.</param>
/// <param name="Id">Volume and file: another file under the same name has another.</param>
internal sealed record FileIdentity(long Length, long Written, long Changed, string Id)
{
    // Steps of 100 ns from 1601, where Windows begins to count, to 1970.
    private const long Epoch = 116_444_736_000_000_000;

    /// <summary>The identity of a file; null where there is none, or the system cannot be asked.</summary>
    public static FileIdentity? Of(string path) => SystemCalls.Identify(path);

    /// <summary>Nanoseconds since 1970 from a time of Windows.</summary>
    public static long FromWindows(long fileTime) => (fileTime - Epoch) * 100;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Length} {Written} {Changed} {Id}");
}
