using ModelPort.Diagnostics;

namespace ModelPort.Caching;

/// <summary>Holds an output folder for one process: builds of several target frameworks or projects wait for each other here.</summary>
public sealed class OutputLock : IDisposable
{
    private const string FileName = ".modelport.lock";
    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private OutputLock(FileStream file) => _file = file;

    /// <summary>Takes the lock, waiting for another process that holds it. A dead process holds nothing: the system releases its files.</summary>
    /// <param name="folder">The output folder; made when it is not there.</param>
    /// <param name="observer">Told when the wait begins.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ModelPortException">MP2001: the folder cannot be written; MP2007: the wait took too long.</exception>
    public static OutputLock Take(string folder, IPortObserver observer, CancellationToken cancellation)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.OutputUnwritable(folder, e.Message), e);
        }

        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var told = false; ; told = true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return new OutputLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (UnauthorizedAccessException e)
            {
                throw new ModelPortException(Diagnose.OutputUnwritable(folder, e.Message), e);
            }
            catch (IOException e) when (!IsHeld(e))
            {
                throw new ModelPortException(Diagnose.OutputUnwritable(folder, e.Message), e);
            }
            catch (IOException)
            {
                if (!told)
                {
                    observer.Detail($"Waiting for another build that ports into {folder}");
                }

                if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > Patience)
                {
                    throw new ModelPortException(Diagnose.OutputLocked(folder));
                }

                cancellation.WaitHandle.WaitOne(Pause);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // A sharing violation on Windows, EWOULDBLOCK (11 on Linux, 35 on macOS) elsewhere.
    private static bool IsHeld(IOException exception) => exception.HResult is unchecked((int)0x80070020) or unchecked((int)0x80070021) or 11 or 35;
}
