namespace ModelPort.Caching;

/// <summary>
/// Another place that keeps what a <see cref="ContentStore"/> keeps, asked when the store misses and told what it gains: a cache server, a folder on a
/// network share. A layer never throws but for cancellation: what goes wrong there costs a bounded time and a warning of its own, never the build.
/// </summary>
public interface IStoreLayer
{
    /// <summary>Fetches a record. What arrives is not trusted: the store checks its form, its own checksum and that it is of that key.</summary>
    /// <param name="key">The record's key, SHA-256 in lower-case hex.</param>
    /// <param name="destination">Where its bytes go; of no worth when this returns false.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Whether the layer has it and gave all of it.</returns>
    bool TryFetchRecord(string key, Stream destination, CancellationToken cancellation);

    /// <summary>Fetches an object.</summary>
    /// <param name="sha256">SHA-256 of its bytes in lower-case hex, by which it is named.</param>
    /// <param name="expectedSize">Its length in bytes: not a byte more is accepted.</param>
    /// <param name="temporaryPath">The file that its bytes go into; what was fetched of it before may lie there, to go on from. Of no worth when this returns false.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Whether the file is whole: its length and SHA-256 are those asked for.</returns>
    bool TryFetchObject(string sha256, long expectedSize, string temporaryPath, CancellationToken cancellation);

    /// <summary>Takes a record over. Objects that it names were given before.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="cancellation">Stops it.</param>
    void StoreRecord(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation);

    /// <summary>Takes an object over.</summary>
    /// <param name="sha256">SHA-256 of its bytes.</param>
    /// <param name="path">A file that holds it, for reading while this runs.</param>
    /// <param name="cancellation">Stops it.</param>
    void StoreObject(string sha256, string path, CancellationToken cancellation);
}
