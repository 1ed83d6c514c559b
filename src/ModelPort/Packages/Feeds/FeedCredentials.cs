using System.Collections.Concurrent;
using System.Net;
using NuGet.Common;
using NuGet.Configuration;
using NuGet.Protocol.Plugins;

namespace ModelPort.Packages.Feeds;

/// <summary>
/// Asks the credential providers that are installed for the dotnet command (NuGet's cross-platform plugins, https://learn.microsoft.com/nuget/reference/extensibility/nuget-cross-platform-plugins) when a feed
/// wants credentials that neither nuget.config nor the environment has.
/// </summary>
/// <param name="interactive">Whether a provider may ask the user.</param>
/// <param name="log">Told what a provider says, for instance where to enter a code.</param>
internal sealed class FeedCredentials(bool interactive, ILogger log) : ICredentialService
{
    private readonly ConcurrentDictionary<string, int> _asked = new(StringComparer.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public bool HandlesDefaultCredentials => false;

    /// <inheritdoc/>
    public async Task<ICredentials?> GetCredentialsAsync(Uri uri, IWebProxy? proxy, CredentialRequestType type, string message, CancellationToken cancellationToken)
    {
        if (type == CredentialRequestType.Proxy)
        {
            return null;
        }

        // Asked again, the first answer was wrong, and a provider must not give it again.
        var isRetry = _asked.AddOrUpdate(uri.GetLeftPart(UriPartial.Authority), 1, (_, times) => times + 1) > 1;
        var plugins = PluginManager.Instance;
        foreach (var found in await plugins.FindAvailablePluginsAsync(cancellationToken))
        {
            var (isProvider, started) = await plugins.TryGetSourceAgnosticPluginAsync(found, OperationClaim.Authentication, cancellationToken);
            if (isProvider && started?.Plugin is { } plugin && await Ask(plugin, uri, isRetry, cancellationToken) is { } credentials)
            {
                return credentials;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public bool TryGetLastKnownGoodCredentialsFromCache(Uri uri, bool isProxy, out ICredentials? credentials)
    {
        credentials = null;
        return false;
    }

    private async Task<ICredentials?> Ask(IPlugin plugin, Uri uri, bool isRetry, CancellationToken cancellation)
    {
        plugin.Connection.MessageDispatcher.RequestHandlers.AddOrUpdate(MessageMethod.Log, () => new LogRequestHandler(log), existing => existing);
        var answer = await plugin.Connection.SendRequestAndReceiveResponseAsync<GetAuthenticationCredentialsRequest, GetAuthenticationCredentialsResponse>(
            MessageMethod.GetAuthenticationCredentials, new GetAuthenticationCredentialsRequest(uri, isRetry, !interactive, canShowDialog: interactive), cancellation);
        if (answer is not { ResponseCode: MessageResponseCode.Success } || !answer.IsValid())
        {
            return null;
        }

        var credentials = new NetworkCredential(answer.Username, answer.Password);
        return answer.AuthenticationTypes is { Count: > 0 } types ? new LimitedCredentials(credentials, types) : credentials;
    }

    /// <summary>Credentials for some ways to authenticate only, as a provider may say; on all addresses that a feed names.</summary>
    private sealed class LimitedCredentials(NetworkCredential credentials, IEnumerable<string> types) : ICredentials
    {
        public NetworkCredential? GetCredential(Uri uri, string authType) => types.Contains(authType, StringComparer.OrdinalIgnoreCase) ? credentials : null;
    }
}
