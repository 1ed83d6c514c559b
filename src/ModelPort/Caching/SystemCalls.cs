using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Caching;

/// <summary>What a file system knows of a file beside size and time, for which .NET has no method.</summary>
internal static partial class SystemCalls
{
    private const int CurrentFolder = -100;
    private const uint BasicStatistics = 0x7FF;
    private const int BasicInfoClass = 0;
    private const int IdInfoClass = 18;

    /// <summary>What the system knows of a file; null where it cannot be asked.</summary>
    public static unsafe FileIdentity? Identify(string path)
    {
        try
        {
            var buffer = stackalloc byte[256];
            return OperatingSystem.IsLinux() ? Statistics(CurrentFolder, path, 0, BasicStatistics, buffer) == 0 ? OfLinux(buffer) : null
                : OperatingSystem.IsMacOS() ? (RuntimeInformation.ProcessArchitecture == Architecture.X64 ? Statistics64(path, buffer) : Statistics(path, buffer)) == 0 ? OfMac(buffer) : null
                : OperatingSystem.IsWindows() ? OfWindows(path, buffer)
                : null;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // struct statx (man 2 statx), the same for all processors.
    private static unsafe FileIdentity OfLinux(byte* s) => new(
        *(long*)(s + 40), Nanoseconds(s + 112), Nanoseconds(s + 96), $"{*(uint*)(s + 136):x}:{*(uint*)(s + 140):x}:{*(ulong*)(s + 32):x}");

    // struct stat with 64-bit inodes (sys/stat.h).
    private static unsafe FileIdentity OfMac(byte* s) => new(*(long*)(s + 96), Seconds(s + 48), Seconds(s + 64), $"{*(uint*)s:x}:{*(ulong*)(s + 8):x}");

    // FILE_BASIC_INFO and FILE_ID_INFO.
    private static unsafe FileIdentity? OfWindows(string path, byte* buffer)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (InformationOf(handle, BasicInfoClass, buffer, 40) == 0)
        {
            return null;
        }

        var (written, changed) = (*(long*)(buffer + 16), *(long*)(buffer + 24));
        return InformationOf(handle, IdInfoClass, buffer, 24) == 0
            ? null
            : new FileIdentity(RandomAccess.GetLength(handle), FileIdentity.FromWindows(written), FileIdentity.FromWindows(changed), Convert.ToHexStringLower(new ReadOnlySpan<byte>(buffer, 24)));
    }

    private static unsafe long Nanoseconds(byte* time) => *(long*)time * 1_000_000_000 + *(uint*)(time + 8);

    private static unsafe long Seconds(byte* time) => *(long*)time * 1_000_000_000 + *(long*)(time + 8);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "stat$INODE64", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics64(string path, byte* result);

    [LibraryImport("libc", EntryPoint = "stat", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics(string path, byte* result);

    [LibraryImport("kernel32.dll", EntryPoint = "GetFileInformationByHandleEx")]
    private static unsafe partial int InformationOf(SafeFileHandle file, int kind, byte* result, uint length);
}
