using System.Runtime.InteropServices;
using System.Text;

namespace ModelPort.Caching;

/// <summary>
/// Second names and clones of files, for which .NET has no method. Compiled into ModelPort.Build too, which references no room and runs on .NET Framework: therefore without newer means of interop.
/// </summary>
internal static class FileLinks
{
    // FICLONE of linux/fs.h: _IOW(0x94, 9, int).
    private const uint CloneRequest = 0x40049409;

    /// <summary>Gives a file a second name on Unix.</summary>
    /// <returns>False on Windows, and where the file system, or its borders, do not allow it.</returns>
    public static bool TryLink(string existing, string name) => !IsOn(OSPlatform.Windows) && Link(PathBytes(existing), PathBytes(name)) == 0;

    /// <summary>Makes a file that shares its blocks with another until one of them is written, where the file system can.</summary>
    /// <param name="existing">The file.</param>
    /// <param name="name">The new file; not there before, nor when this returns false.</param>
    /// <exception cref="IOException">A file cannot be opened or made.</exception>
    public static bool TryClone(string existing, string name)
    {
        if (IsOn(OSPlatform.OSX))
        {
            return CloneFile(PathBytes(existing), PathBytes(name), 0) == 0;
        }

        if (!IsOn(OSPlatform.Linux))
        {
            return false;
        }

        using (var source = new FileStream(existing, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete))
        using (var target = new FileStream(name, FileMode.CreateNew, FileAccess.Write))
        {
            if (Control(target.SafeFileHandle, (UIntPtr)CloneRequest, source.SafeFileHandle) == 0)
            {
                return true;
            }
        }

        File.Delete(name);
        return false;
    }

    private static bool IsOn(OSPlatform system) => RuntimeInformation.IsOSPlatform(system);

    // Marshalling of strings on .NET Framework knows no UTF-8.
    private static byte[] PathBytes(string path) => Encoding.UTF8.GetBytes(path + "\0");

    [DllImport("libc", EntryPoint = "link")]
    private static extern int Link(byte[] existing, byte[] added);

    [DllImport("libc", EntryPoint = "clonefile")]
    private static extern int CloneFile(byte[] source, byte[] destination, uint flags);

    [DllImport("libc", EntryPoint = "ioctl")]
    private static extern int Control(SafeHandle file, UIntPtr request, SafeHandle source);
}
