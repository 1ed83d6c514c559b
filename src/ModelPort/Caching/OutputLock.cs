using ModelPort.Diagnostics;

namespace ModelPort.Caching;

/// <summary>Holds an output folder for one process: builds of several target frameworks or projects wait for each other here.</summary>
public sealed class OutputLock : IDisposable
{
    private const string FileName = ".modelport.lock";
    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);

    private readonly FileLock _held;

    private OutputLock(FileLock held) => _held = held;

    /// <summary>Takes the lock, waiting for another process that holds it.</summary>
    /// <param name="folder">The output folder; made when it is not there.</param>
    /// <param name="observer">Told when the wait begins.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ModelPortException">MP2001: the folder cannot be written; MP2007: the wait took too long.</exception>
    public static OutputLock Take(string folder, IPortObserver observer, CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var held = FileLock.Take(Path.Combine(folder, FileName), Patience, () => observer.Detail($"Waiting for another build that ports into {folder}"), cancellation);
            return held is null ? throw new ModelPortException(Diagnose.OutputLocked(folder)) : new OutputLock(held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.OutputUnwritable(folder, e.Message), e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _held.Dispose();
}
