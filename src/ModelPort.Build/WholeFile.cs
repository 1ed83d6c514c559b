using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ModelPort.Build;

/// <summary>Writes files so that a reader, or a kill at any moment, finds the old content or the new one.</summary>
internal static class WholeFile
{
    private const string TemporaryExtension = ".tmp";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>The process that temporary files are named after.</summary>
    public static int ProcessId { get; } = CurrentProcessId();

    /// <summary>Writes <paramref name="text"/> to a temporary name beside <paramref name="path"/>, then renames.</summary>
    /// <param name="path">An absolute path in a folder that exists.</param>
    /// <param name="text">The content.</param>
    /// <param name="time">The file's time, when it shall not be now.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string path, string text, DateTime? time = null) => Make(path, temporary =>
    {
        File.WriteAllText(temporary, text, Utf8);
        if (time is { } stamp)
        {
            File.SetLastWriteTimeUtc(temporary, stamp);
        }
    });

    /// <summary>Lets <paramref name="make"/> make a file of a temporary name beside <paramref name="path"/>, then renames it.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Make(string path, Action<string> make)
    {
        string temporary = TemporaryName(path);
        try
        {
            make(temporary);
            Replace(temporary, path);
        }
        finally
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
        }
    }

    /// <summary>A name beside <paramref name="path"/> that no other process uses, and that <see cref="DeleteLeftovers"/> knows.</summary>
    public static string TemporaryName(string path) => FormattableString.Invariant($"{path}.{ProcessId}-{Guid.NewGuid():N}{TemporaryExtension}");

    /// <summary>Deletes temporary files of processes that were killed. Those of processes that run stay: they may be other builds.</summary>
    /// <param name="folder">The folder to look into; its own files alone.</param>
    /// <exception cref="IOException">A file cannot be deleted.</exception>
    public static void DeleteLeftovers(string folder)
    {
        foreach (string file in Directory.GetFiles(folder, "*" + TemporaryExtension))
        {
            if (ProcessOf(Path.GetFileNameWithoutExtension(file)) is { } process && !IsRunning(process))
            {
                File.Delete(file);
            }
        }
    }

    private static int? ProcessOf(string name)
    {
        int dot = name.LastIndexOf('.');
        int dash = name.IndexOf('-', dot + 1);
        return dot >= 0 && name.Length - dash == 33 && int.TryParse(name.Substring(dot + 1, dash - dot - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int process) ? process : null;
    }

    private static bool IsRunning(int process)
    {
        try
        {
            using Process running = Process.GetProcessById(process);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static int CurrentProcessId()
    {
        using Process process = Process.GetCurrentProcess();
        return process.Id;
    }

    private static void Replace(string temporary, string path)
    {
        // netstandard2.0 has no overwriting move: Replace needs an existing target and Move a missing one, and a neighbour may change which it is.
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (File.Exists(path))
                {
                    File.Replace(temporary, path, null);
                }
                else
                {
                    File.Move(temporary, path);
                }

                return;
            }
            catch (IOException e) when (e is not DirectoryNotFoundException && attempt < 20)
            {
                Thread.Sleep(10);
            }
        }
    }
}
