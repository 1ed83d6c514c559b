namespace ModelPort.Caching.Remote;

/// <summary>A folder, most likely on a network share. The calls may hang with the share, and are then left to themselves.</summary>
/// <param name="folder">The folder. It is never made: where a share is not mounted, there is none.</param>
internal sealed class FolderFiles(string folder) : IRemoteFiles
{
    private const int BufferBytes = 1 << 20;
    private const string TemporarySuffix = ".modelport-tmp";
    private static readonly TimeSpan LeftOverAge = TimeSpan.FromDays(1);

    /// <inheritdoc/>
    public Task<RemoteContent?> Open(string name, long from, string? version, CancellationToken cancellation) => Apart(
        () =>
        {
            if (!File.Exists(PathOf(name)))
            {
                return null;
            }

            var stream = new FileStream(PathOf(name), new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, Options = FileOptions.SequentialScan, BufferSize = 0 });
            stream.Seek(from, SeekOrigin.Begin);
            return new RemoteContent(stream, from, stream.Length, null);
        },
        cancellation);

    /// <inheritdoc/>
    public Task<long?> Length(string name, CancellationToken cancellation) => Apart(
        () => new FileInfo(PathOf(name)) is { Exists: true } file ? file.Length : (long?)null,
        cancellation);

    /// <inheritdoc/>
    public Task Write(string name, Stream content, Pace pace) => Apart(
        () =>
        {
            var target = PathOf(name);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            DeleteLeftOvers(Path.GetDirectoryName(target)!);
            var temporary = $"{target}.{Guid.NewGuid():N}{TemporarySuffix}";
            try
            {
                Copy(content, temporary, pace);
                File.Move(temporary, target, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }

            return true;
        },
        pace.Token);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static void Copy(Stream content, string path, Pace pace)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var buffer = new byte[BufferBytes];
        while (content.Read(buffer) is > 0 and var count)
        {
            pace.Token.ThrowIfCancellationRequested();
            file.Write(buffer, 0, count);
            pace.Advance(count);
        }

        pace.AwaitAnswer();
        file.Flush(flushToDisk: true);
    }

    // Those of machines that died; nobody writes for a day.
    private static void DeleteLeftOvers(string folder)
    {
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*" + TemporarySuffix).Where(f => DateTime.UtcNow - f.LastWriteTimeUtc > LeftOverAge))
        {
            file.Delete();
        }
    }

    private static Task<T> Apart<T>(Func<T> action, CancellationToken cancellation) => Task.Run(action, cancellation).WaitAsync(cancellation);

    private string PathOf(string name) => Directory.Exists(folder)
        ? Path.Combine(folder, name)
        : throw new RemoteException("there is no such folder, or it is not mounted");
}
