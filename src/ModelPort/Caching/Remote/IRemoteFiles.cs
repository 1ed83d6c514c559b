namespace ModelPort.Caching.Remote;

/// <summary>Whole files by name, on a server or in a folder. Faults are exceptions here; <see cref="RemoteLayer"/> makes them the end of the layer.</summary>
internal interface IRemoteFiles : IDisposable
{
    /// <summary>Opens a file from a position on; null when it is not there.</summary>
    /// <param name="name">Its name, such as <c>cas/0a1b...</c>.</param>
    /// <param name="from">The position. A server may start at 0 all the same.</param>
    /// <param name="version">What the file was when the bytes before the position were read; null when that does not matter or is not known.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="RemoteException">It was refused.</exception>
    Task<RemoteContent?> Open(string name, long from, string? version, CancellationToken cancellation);

    /// <summary>The length of a file; null when it is not there, or nobody says.</summary>
    Task<long?> Length(string name, CancellationToken cancellation);

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content.</param>
    /// <param name="pace">Told what is sent.</param>
    /// <exception cref="RemoteException">It was refused.</exception>
    Task Write(string name, Stream content, Pace pace);
}

/// <summary>The rest of a file.</summary>
/// <param name="Stream">The bytes.</param>
/// <param name="From">Where they begin.</param>
/// <param name="TotalLength">The length of the whole file, when it was said.</param>
/// <param name="Version">What tells this content from another under the same name, when it was said.</param>
internal sealed record RemoteContent(Stream Stream, long From, long? TotalLength, string? Version) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Stream.Dispose();
}

/// <summary>A remote cache did what it should not; the message is a part of a sentence.</summary>
internal sealed class RemoteException(string found) : IOException(found);
