using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using ModelPort.Diagnostics;
using NuGet.Common;
using NuGet.Protocol;

namespace ModelPort.Packages.Feeds;

/// <summary>
/// A package on a server, read in ranges (RFC 9110, section 14) or downloaded whole. It is asked for through NuGet's own HTTP stack, which brings the feed's credentials, proxies, certificates and retries.
/// </summary>
/// <param name="feed">What the feed is called in messages.</param>
/// <param name="url">Where the package is.</param>
/// <param name="http">NuGet's client of the feed.</param>
/// <param name="limits">What is waited for.</param>
internal sealed class RemotePackage(string feed, Uri url, HttpSource http, FeedLimits limits)
{
    private const int BufferBytes = 1 << 17;

    // A strong tag of the content, and its time: two parts are of one package only where they are the same.
    private EntityTagHeaderValue? _tag;
    private DateTimeOffset? _modified;

    /// <summary>The length; known once a range was read.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes that were read of it in ranges.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Opens the package without downloading it.</summary>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A stream that reads what is asked of it; null where the server serves no ranges and the package is larger than what is read whole.</returns>
    /// <exception cref="ModelPortException">MP5040, MP5041: the feed does not answer, or refuses.</exception>
    public Task<Stream?> TryOpen(CancellationToken cancellation) => Ask(
        new RangeHeaderValue(0, RangeStream.BlockBytes - 1),
        async response =>
        {
            if (response is { StatusCode: HttpStatusCode.PartialContent, Content.Headers.ContentRange: { Unit: "bytes", From: 0, To: { } last, Length: { } length } })
            {
                Length = length;
                Remember(response);
                var first = await Read(response, checked((int)Math.Min(RangeStream.BlockBytes, last + 1)), cancellation);
                return new RangeStream(this, first, limits.Ranges, cancellation);
            }

            return response.StatusCode == HttpStatusCode.OK ? await ReadWhole(response, cancellation) : throw FeedFault.Of(feed, response.StatusCode);
        },
        cancellation);

    /// <summary>Reads a range.</summary>
    /// <param name="from">Its first byte.</param>
    /// <param name="count">Its length; it lies within the package.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5040, MP5041: the feed does not answer, refuses, or sends something else than was asked for.</exception>
    public Task<byte[]> Read(long from, int count, CancellationToken cancellation) => Ask(
        new RangeHeaderValue(from, from + count - 1),
        async response => response switch
        {
            { StatusCode: HttpStatusCode.PartialContent, Content.Headers.ContentRange: { } range } when range.From == from && range.Length == Length && IsSame(response) => await Read(response, count, cancellation),
            { StatusCode: HttpStatusCode.PartialContent or HttpStatusCode.OK or HttpStatusCode.RequestedRangeNotSatisfiable } => throw Changed(),
            _ => throw FeedFault.Of(feed, response.StatusCode),
        },
        cancellation);

    /// <summary>Downloads the package, and goes on where a transfer broke off.</summary>
    /// <param name="file">Where to; what is in it is overwritten.</param>
    /// <param name="name">What it is called where progress is shown.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5040, MP5041: the feed does not answer, refuses, or stops sending.</exception>
    public async Task Download(FileStream file, string name, IPortObserver observer, CancellationToken cancellation)
    {
        for (var resumptions = 0; ; resumptions++)
        {
            var before = file.Position;
            try
            {
                await Ask(before == 0 ? null : new RangeHeaderValue(before, null), response => Receive(response, file, name, observer, cancellation), cancellation, tries: 1);
                return;
            }
            catch (ModelPortException e) when (resumptions < limits.Resumptions && file.Position > before && e.InnerException is IOException or TimeoutException or HttpRequestException && !cancellation.IsCancellationRequested)
            {
            }
        }
    }

    private async Task<bool> Receive(HttpResponseMessage response, FileStream file, string name, IPortObserver observer, CancellationToken cancellation)
    {
        long? total;
        switch (response)
        {
            case { StatusCode: HttpStatusCode.PartialContent, Content.Headers.ContentRange: { } range } when range.From == file.Position && IsSame(response):
                total = range.Length;
                break;
            case { StatusCode: HttpStatusCode.OK }:
                file.SetLength(0);
                total = response.Content.Headers.ContentLength;
                Remember(response);
                break;
            case { StatusCode: HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable }:
                throw Changed();
            default:
                throw FeedFault.Of(feed, response.StatusCode);
        }

        await using var content = await response.Content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[BufferBytes];
        while (await content.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            Locally(file.Name, () => file.Write(buffer, 0, count));
            observer.Progress(new PortProgress("download", file.Position, Math.Max(file.Position, total ?? 0), name));
        }

        return total is null || total == file.Position ? true : throw new IOException(string.Create(CultureInfo.InvariantCulture, $"it sends {file.Position} of {total} bytes and then no more"));
    }

    private async Task<Stream?> ReadWhole(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength > limits.Whole)
        {
            return null;
        }

        var whole = new MemoryStream();
        await using var content = await response.Content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[BufferBytes];
        while (await content.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            // A server need not say how long an answer is.
            if (whole.Length + count > limits.Whole)
            {
                return null;
            }

            whole.Write(buffer, 0, count);
        }

        whole.Position = 0;
        return whole;
    }

    private async Task<byte[]> Read(HttpResponseMessage response, int count, CancellationToken cancellation)
    {
        await using var content = await response.Content.ReadAsStreamAsync(cancellation);
        var part = new byte[count];
        await content.ReadExactlyAsync(part, cancellation);
        BytesRead += count;
        return part;
    }

    private async Task<T> Ask<T>(RangeHeaderValue? range, Func<HttpResponseMessage, Task<T>> take, CancellationToken cancellation, int? tries = null)
    {
        for (var left = tries ?? limits.Tries; ; left--)
        {
            try
            {
                var request = new HttpSourceRequest(() => Request(range)) { RequestTimeout = limits.Request, DownloadTimeout = limits.Stall, MaxTries = limits.Tries };
                return await http.ProcessResponseAsync(request, take, NullLogger.Instance, cancellation);
            }
            catch (Exception e) when (left > 1 && e is IOException or TimeoutException && !cancellation.IsCancellationRequested)
            {
                // Broken off within the answer; until it begins, NuGet tries again by itself.
            }
            catch (Exception e) when (FeedFault.IsOfFeed(e) && !cancellation.IsCancellationRequested)
            {
                throw FeedFault.Of(feed, e);
            }
        }
    }

    private HttpRequestMessage Request(RangeHeaderValue? range)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        request.Headers.Range = range;
        request.Headers.IfRange = range is not null && _tag is not null ? new RangeConditionHeaderValue(_tag) : null;
        return request;
    }

    private void Remember(HttpResponseMessage response) => (_tag, _modified) = (TagOf(response), response.Content.Headers.LastModified);

    // A server need not say either.
    private bool IsSame(HttpResponseMessage response) =>
        (_tag is null || TagOf(response) is not { } tag || tag.Equals(_tag))
        && (_modified is null || response.Content.Headers.LastModified is not { } modified || modified == _modified);

    private static EntityTagHeaderValue? TagOf(HttpResponseMessage response) => response.Headers.ETag is { IsWeak: false } tag ? tag : null;

    private ModelPortException Changed() => new(Diagnose.FeedUnreachable(feed, "the package is another one than when its first part was read"));

    private static void Locally(string path, Action action)
    {
        try
        {
            action();
        }
        catch (IOException e)
        {
            throw new ModelPortException(Diagnose.From(e, path), e);
        }
    }
}
