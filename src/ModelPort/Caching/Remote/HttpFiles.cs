using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace ModelPort.Caching.Remote;

/// <summary>
/// A server that speaks plain HTTP: GET, HEAD and PUT under a base URL, as Bazel's HTTP caching protocol has it. Redirects are followed on the same server
/// only, so that neither credentials nor requests go where nobody meant them to.
/// </summary>
internal sealed class HttpFiles : IRemoteFiles
{
    private const int BufferBytes = 1 << 18;
    private const int MostRedirects = 3;

    private readonly Uri _base;
    private readonly AuthenticationHeaderValue? _credentials;
    private readonly HttpClient _client;

    /// <summary>Makes the client; nothing is sent yet.</summary>
    public HttpFiles(Uri url, AuthenticationHeaderValue? credentials, RemoteLimits limits)
    {
        _base = url;
        _credentials = credentials;
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = limits.Connect, PreAuthenticate = false })
        {
            // Each transfer has its own pace.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("ModelPort", StageKeys.ToolVersion));
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    /// <inheritdoc/>
    public async Task<RemoteContent?> Open(string name, long from, string? version, CancellationToken cancellation)
    {
        var response = await Ask(HttpMethod.Get, name, from, version, cancellation);
        try
        {
            switch (response.StatusCode)
            {
                case HttpStatusCode.NotFound:
                    response.Dispose();
                    return null;
                case HttpStatusCode.RequestedRangeNotSatisfiable when from > 0:
                    // What is here already is not the beginning of what is there.
                    response.Dispose();
                    return await Open(name, 0, null, cancellation);
                case HttpStatusCode.OK or HttpStatusCode.PartialContent:
                    return await Content(response, from, cancellation);
                default:
                    throw Refused(HttpMethod.Get, response);
            }
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<long?> Length(string name, CancellationToken cancellation)
    {
        using var response = await Ask(HttpMethod.Head, name, 0, null, cancellation);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => response.Content.Headers.ContentLength,
            // Some do not know the method; then nobody knows.
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented => null,
            _ => throw Refused(HttpMethod.Head, response),
        };
    }

    /// <inheritdoc/>
    public async Task Write(string name, Stream content, Pace pace)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(_base, name)) { Content = new PacedContent(content, pace) };
        request.Headers.Authorization = _credentials;
        // A server that refuses says so before gigabytes are on their way.
        request.Headers.ExpectContinue = true;
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, pace.Token);
        if (!response.IsSuccessStatusCode)
        {
            throw Refused(HttpMethod.Put, response);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private static async Task<RemoteContent> Content(HttpResponseMessage response, long from, CancellationToken cancellation)
    {
        var range = response.StatusCode == HttpStatusCode.PartialContent ? response.Content.Headers.ContentRange : null;
        if (response.StatusCode == HttpStatusCode.PartialContent && (range is not { Unit: "bytes", HasRange: true } || range.From != from))
        {
            throw new RemoteException(string.Create(CultureInfo.InvariantCulture, $"it was asked for bytes from {from} on and sends others ({range?.ToString() ?? "no Content-Range"})"));
        }

        // A weak tag does not promise the same bytes.
        var version = response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : null;
        var total = range is null ? response.Content.Headers.ContentLength : range.Length;
        return new RemoteContent(await response.Content.ReadAsStreamAsync(cancellation), range?.From ?? 0, total, version);
    }

    private async Task<HttpResponseMessage> Ask(HttpMethod method, string name, long from, string? version, CancellationToken cancellation)
    {
        var url = new Uri(_base, name);
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(method, url);
            request.Headers.Authorization = _credentials;
            if (from > 0)
            {
                request.Headers.Range = new RangeHeaderValue(from, null);
                request.Headers.IfRange = version is null ? null : new RangeConditionHeaderValue(version);
            }

            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
            {
                return response;
            }

            using (response)
            {
                var next = response.Headers.Location is { } location ? new Uri(url, location) : null;
                url = next is not null && Uri.Compare(next, _base, UriComponents.SchemeAndServer | UriComponents.UserInfo, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0 && redirects < MostRedirects
                    ? next
                    : throw new RemoteException($"it redirects {(next is null ? "to nowhere" : redirects < MostRedirects ? $"to another server ({next.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)})" : "in a circle")}, which is not followed");
            }
        }
    }

    private static RemoteException Refused(HttpMethod method, HttpResponseMessage response) =>
        new(string.Create(CultureInfo.InvariantCulture, $"it answers {method} with {(int)response.StatusCode} {response.StatusCode}"));

    /// <summary>A stream whose bytes are counted as they are sent.</summary>
    private sealed class PacedContent(Stream content, Pace pace) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            var buffer = new byte[BufferBytes];
            while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                pace.Advance(count);
            }

            pace.AwaitAnswer();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = content.Length;
            return true;
        }
    }
}
