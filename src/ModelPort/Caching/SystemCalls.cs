using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Caching;

/// <summary>What .NET has no method for: links, clones of files, and what a file system knows of a file beside size and time.</summary>
internal static partial class SystemCalls
{
    // _IOW(0x94, 9, int) (linux/fs.h).
    private const nuint FileClone = 0x40049409;
    private const int CurrentFolder = -100;
    private const uint BasicStatistics = 0x7FF;
    private const int BasicInfoClass = 0;
    private const int IdInfoClass = 18;

    /// <summary>Gives a file a second name on Unix.</summary>
    /// <returns>False where the file system, or its borders, do not allow it.</returns>
    public static bool TryLink(string existing, string name) => !OperatingSystem.IsWindows() && Link(existing, name) == 0;

    /// <summary>Makes a file that shares its blocks with another until one of them is written, where the file system can.</summary>
    /// <param name="existing">The file.</param>
    /// <param name="name">The new file; not there before, nor when this returns false.</param>
    public static bool TryClone(string existing, string name)
    {
        if (OperatingSystem.IsMacOS())
        {
            return CloneFile(existing, name, 0) == 0;
        }

        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        using (var source = File.OpenHandle(existing, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete))
        using (var target = File.OpenHandle(name, FileMode.CreateNew, FileAccess.Write))
        {
            if (Control(target, FileClone, (int)source.DangerousGetHandle()) == 0)
            {
                return true;
            }
        }

        File.Delete(name);
        return false;
    }

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

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string name);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(SafeFileHandle target, nuint request, int source);

    [LibraryImport("libc", EntryPoint = "clonefile", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CloneFile(string existing, string name, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "stat$INODE64", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics64(string path, byte* result);

    [LibraryImport("libc", EntryPoint = "stat", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statistics(string path, byte* result);

    [LibraryImport("kernel32.dll", EntryPoint = "GetFileInformationByHandleEx")]
    private static unsafe partial int InformationOf(SafeFileHandle file, int kind, byte* result, uint length);
}
