using System.Globalization;
using System.Net.Http.Headers;
using ModelPort.Diagnostics;

namespace ModelPort.Caching.Remote;

/// <summary>
/// A cache that several machines share, in the layout of Bazel's HTTP caches: records under <c>ac/</c>, objects under <c>cas/</c>. It is never trusted and
/// never needed: what arrives is verified, and after the first fault the run goes on without it, with one warning.
/// </summary>
public sealed class RemoteLayer : IStoreLayer, IDisposable
{
    private readonly RemoteAddress _address;
    private readonly IRemoteFiles _files;
    private readonly bool _isReadOnly;
    private readonly RemoteLimits _limits;
    private readonly IPortObserver _observer;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _damaged = [];
    private bool _isOff;

    internal RemoteLayer(RemoteAddress address, IRemoteFiles files, bool isReadOnly, RemoteLimits limits, IPortObserver observer)
    {
        _address = address;
        _files = files;
        _isReadOnly = isReadOnly;
        _limits = limits;
        _observer = observer;
    }

    /// <summary>The layer that a run asks for; null for none. Nothing is sent yet.</summary>
    /// <param name="request">The address, and whether the layer is only read.</param>
    /// <param name="observer">Told a warning when the layer is given up, and what was fetched and kept.</param>
    public static RemoteLayer? Open(PortRequest request, IPortObserver observer) =>
        request.RemoteCache is { } address ? Open(address, request.RemoteCacheReadOnly, RemoteLimits.Default, Credentials, observer) : null;

    internal static RemoteLayer Open(RemoteAddress address, bool isReadOnly, RemoteLimits limits, Func<Uri, AuthenticationHeaderValue?> credentials, IPortObserver observer)
    {
        if (address.Url is not { } url)
        {
            return new RemoteLayer(address, new FolderFiles(address.Folder!), isReadOnly, limits, observer);
        }

        AuthenticationHeaderValue? sent = null;
        string? fault = null;
        try
        {
            sent = credentials(url);
            fault = sent is not null && !address.IsPrivate ? "credentials would be sent over plain http; use https" : null;
        }
        catch (RemoteException e)
        {
            fault = e.Message;
        }

        var layer = new RemoteLayer(address, new HttpFiles(url, fault is null ? sent : null, limits), isReadOnly, limits, observer);
        if (fault is not null)
        {
            layer.TurnOff(fault);
        }

        return layer;
    }

    /// <inheritdoc/>
    public bool TryFetchRecord(string key, Stream destination, CancellationToken cancellation) =>
        Try(pace => ReadRecord(RecordName(key), destination, pace), cancellation);

    /// <inheritdoc/>
    public bool TryFetchObject(string sha256, long expectedSize, string temporaryPath, CancellationToken cancellation) =>
        Try(pace => ReadObject(sha256, expectedSize, temporaryPath, pace), cancellation);

    /// <inheritdoc/>
    public void StoreRecord(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        if (!_isReadOnly)
        {
            Try(
                async pace =>
                {
                    using var message = new MemoryStream(ActionResult.Wrap(content.Span));
                    await _files.Write(RecordName(key), message, pace);
                    return true;
                },
                cancellation);
        }
    }

    /// <inheritdoc/>
    public void StoreObject(string sha256, string path, CancellationToken cancellation)
    {
        if (!_isReadOnly)
        {
            Try(pace => WriteObject(sha256, path, pace), cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private static string RecordName(string key) => "ac/" + Checked(key);

    private static string ObjectName(string sha256) => "cas/" + Checked(sha256);

    // A key becomes a part of a path.
    private static string Checked(string key) =>
        key.Length == 64 && key.All(char.IsAsciiHexDigitLower) ? key : throw new ArgumentException("A key is SHA-256 in lower-case hex.", nameof(key));

    private static AuthenticationHeaderValue? Credentials(Uri url) =>
        RemoteCredentials.Find(url, Environment.GetEnvironmentVariable, RemoteCredentials.UserSettings);

    private async Task<bool> ReadRecord(string name, Stream destination, Pace pace)
    {
        using var content = await _files.Open(name, 0, null, pace.Token);
        if (content is null)
        {
            return false;
        }

        using var message = new MemoryStream();
        var buffer = new byte[1 << 14];
        while (await content.Stream.ReadAsync(buffer, pace.Token).AsTask().WaitAsync(pace.Token) is > 0 and var count)
        {
            message.Write(buffer, 0, count);
            pace.Advance(count);
            if (message.Length > _limits.LargestRecord)
            {
                throw new RemoteException(string.Create(CultureInfo.InvariantCulture, $"it sends a record of more than {_limits.LargestRecord} bytes"));
            }
        }

        if ((content.TotalLength is { } total && message.Length != total) || ActionResult.TryUnwrap(message.ToArray()) is not { } found)
        {
            Damaged(name, "no whole record");
            return false;
        }

        destination.Write(found);
        return true;
    }

    private async Task<bool> ReadObject(string sha256, long size, string path, Pace pace)
    {
        var name = ObjectName(sha256);
        if (IsDamaged(name))
        {
            return false;
        }

        string found;
        using (var arrival = Arrival.Open(path, size, pace))
        {
            if (!await Receive(name, size, arrival, pace))
            {
                File.Delete(path);
                return false;
            }

            var wasBegun = arrival.WasBegun;
            found = arrival.Hash();
            if (found != sha256 && wasBegun)
            {
                // What was here may be at fault, not what came.
                arrival.StartOver();
                found = await Receive(name, size, arrival, pace) ? arrival.Hash() : "";
            }
        }

        if (found == sha256)
        {
            _observer.Detail($"Fetched {Sizes.Bytes(size)} from the remote cache ({name})");
            return true;
        }

        File.Delete(path);
        Damaged(name, $"other bytes than their name says (SHA-256 {found})");
        return false;
    }

    // Goes on where a transfer broke off, as long as each try brings something.
    private async Task<bool> Receive(string name, long size, Arrival arrival, Pace pace)
    {
        string? version = null;
        for (var resumptions = 0; ; resumptions++)
        {
            var before = arrival.Length;
            try
            {
                using var content = await _files.Open(name, arrival.Length, version, pace.Token);
                if (content is null)
                {
                    return false;
                }

                if (content.TotalLength is { } total && total != size)
                {
                    Damaged(name, string.Create(CultureInfo.InvariantCulture, $"{total} bytes instead of {size}"));
                    return false;
                }

                if (content.From < arrival.Length)
                {
                    arrival.StartOver();
                    before = 0;
                }

                version = content.Version;
                await arrival.Take(content.Stream, pace);
            }
            catch (Exception e) when (e is (IOException or HttpRequestException) and not RemoteException && resumptions < _limits.Resumptions && arrival.Length > before)
            {
                continue;
            }

            if (arrival.IsComplete)
            {
                return true;
            }

            if (resumptions == _limits.Resumptions || arrival.Length == before)
            {
                throw new RemoteException(string.Create(CultureInfo.InvariantCulture, $"it sends {arrival.Length} of {size} bytes and then no more"));
            }
        }
    }

    private async Task<bool> WriteObject(string sha256, string path, Pace pace)
    {
        var name = ObjectName(sha256);
        using var content = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, Options = FileOptions.SequentialScan | FileOptions.Asynchronous, BufferSize = 0 });
        if (!IsDamaged(name) && await _files.Length(name, pace.Token) == content.Length)
        {
            return true;
        }

        await _files.Write(name, content, pace);
        _observer.Detail($"Kept {Sizes.Bytes(content.Length)} in the remote cache ({name})");
        return true;
    }

    private bool Try(Func<Pace, Task<bool>> work, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_isOff)
            {
                return false;
            }
        }

        using var pace = new Pace(_limits, cancellation);
        try
        {
            return Task.Run(() => work(pace), cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException)
        {
            TurnOff("it does not answer, or too slowly");
        }
        catch (Exception e) when (e is IOException or HttpRequestException or UnauthorizedAccessException)
        {
            TurnOff(e is HttpRequestException { InnerException: { } cause } ? cause.Message : e.Message);
        }

        return false;
    }

    private bool IsDamaged(string name)
    {
        lock (_gate)
        {
            return _damaged.Contains(name);
        }
    }

    // Not the end of the layer: a sound one takes its place when this run stores it.
    private void Damaged(string name, string found)
    {
        lock (_gate)
        {
            if (!_damaged.Add(name))
            {
                return;
            }
        }

        _observer.Warn(Diagnose.RemoteDamaged(_address.ToString(), name, found));
    }

    private void TurnOff(string found)
    {
        lock (_gate)
        {
            if (_isOff)
            {
                return;
            }

            _isOff = true;
        }

        _observer.Warn(Diagnose.RemoteOff(_address.ToString(), found));
    }
}
