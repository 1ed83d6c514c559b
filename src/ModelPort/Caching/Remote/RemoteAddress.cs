using ModelPort.Diagnostics;

namespace ModelPort.Caching.Remote;

/// <summary>Where a remote cache is: a URL under which <c>ac/</c> and <c>cas/</c> lie, or a folder that holds them. Never holds a secret, so that it may be logged.</summary>
/// <param name="Url">The URL, with a slash at its end; null for a folder.</param>
/// <param name="Folder">The folder, as an absolute path; null for a URL.</param>
public sealed record RemoteAddress(Uri? Url, string? Folder)
{
    /// <summary>Whether secrets may be sent there: not in the clear over a network.</summary>
    public bool IsPrivate => Url is { Scheme: "https" } or { IsLoopback: true };

    /// <summary>Reads an address. What is refused is not repeated in the message, as it may hold a password.</summary>
    /// <param name="value">An http or https URL, or a path; relative ones are relative to the options' file.</param>
    /// <param name="file">The file that errors about options point at.</param>
    /// <exception cref="ModelPortException">MP1044: it cannot be used.</exception>
    public static RemoteAddress Parse(string value, string file)
    {
        if (!value.Contains("://", StringComparison.Ordinal))
        {
            var folder = Path.GetDirectoryName(file);
            return new RemoteAddress(null, Path.GetFullPath(value, string.IsNullOrEmpty(folder) ? Environment.CurrentDirectory : Path.GetFullPath(folder)));
        }

        if (!Uri.TryCreate(value.EndsWith('/') ? value : value + "/", UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
        {
            throw new ModelPortException(Diagnose.RemoteAddress(file, "it is no URL of http or https"));
        }

        return url switch
        {
            { UserInfo.Length: > 0 } => throw new ModelPortException(Diagnose.RemoteAddress(file, "it holds a user name or a password, which would end up in logs")),
            _ when value.AsSpan().ContainsAny('?', '#') => throw new ModelPortException(Diagnose.RemoteAddress(file, "it has a query or a fragment, which may hold a secret that would end up in logs")),
            _ => new RemoteAddress(url, null),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Url?.AbsoluteUri ?? Folder!;
}
