using System.Diagnostics;

namespace ModelPort.Caching;

/// <summary>A file that one process holds. A dead process holds nothing: the system releases its files.</summary>
internal sealed class FileLock : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private FileLock(FileStream file) => _file = file;

    /// <summary>Takes a lock, waiting for another process that holds it.</summary>
    /// <param name="path">The file; made when it is not there, in a folder that is.</param>
    /// <param name="patience">The longest wait.</param>
    /// <param name="waiting">Called once, when the wait begins.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The lock; null when the wait took too long.</returns>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened.</exception>
    public static FileLock? Take(string path, TimeSpan patience, Action waiting, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        for (var told = false; ; told = true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (TryTake(path) is { } held)
            {
                return held;
            }

            if (!told)
            {
                waiting();
            }

            if (Stopwatch.GetElapsedTime(start) > patience)
            {
                return null;
            }

            cancellation.WaitHandle.WaitOne(Pause);
        }
    }

    /// <summary>Takes a lock; null when another process holds it.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened.</exception>
    public static FileLock? TryTake(string path)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
    }

    /// <summary>Whether no process holds a lock, or the file is gone.</summary>
    public static bool IsFree(string path)
    {
        try
        {
            using var free = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return true;
        }
        catch (FileNotFoundException)
        {
            return true;
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException io && IsHeld(io)))
        {
            // Windows also denies a file that is on its way out.
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // A sharing violation on Windows, EWOULDBLOCK (11 on Linux, 35 on macOS) elsewhere.
    private static bool IsHeld(IOException exception) => exception.HResult is unchecked((int)0x80070020) or unchecked((int)0x80070021) or 11 or 35;
}
