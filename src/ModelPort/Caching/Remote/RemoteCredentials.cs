using System.Net.Http.Headers;
using System.Text;
using NuGet.Configuration;

namespace ModelPort.Caching.Remote;

/// <summary>
/// The secrets for a cache server: from the environment, else from the user's own or the machine's nuget.config, where the server is a package source with
/// packageSourceCredentials. A nuget.config beside the project is not read: it is in the repository.
/// </summary>
internal static class RemoteCredentials
{
    /// <summary>A bearer token.</summary>
    public const string TokenVariable = "MODELPORT_REMOTE_CACHE_TOKEN";

    /// <summary>A user's name, with <see cref="PasswordVariable"/>.</summary>
    public const string UserVariable = "MODELPORT_REMOTE_CACHE_USER";

    /// <summary>The user's password.</summary>
    public const string PasswordVariable = "MODELPORT_REMOTE_CACHE_PASSWORD";

    /// <summary>What is sent to a server; null for nothing.</summary>
    /// <param name="url">The cache's base URL.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="settings">Loads the user's settings.</param>
    /// <exception cref="RemoteException">The user's settings cannot be read.</exception>
    public static AuthenticationHeaderValue? Find(Uri url, Func<string, string?> variable, Func<ISettings> settings)
    {
        if (variable(TokenVariable) is { Length: > 0 } token)
        {
            return new AuthenticationHeaderValue("Bearer", token);
        }

        return variable(UserVariable) is { Length: > 0 } user ? Basic(user, variable(PasswordVariable) ?? "") : OfSource(url, settings);
    }

    /// <summary>The settings of the user and of the machine.</summary>
    public static ISettings UserSettings() => Settings.LoadDefaultSettings(root: null);

    private static AuthenticationHeaderValue? OfSource(Uri url, Func<ISettings> settings)
    {
        try
        {
            var source = PackageSourceProvider.LoadPackageSources(settings()).FirstOrDefault(s => Uri.TryCreate(s.Source.TrimEnd('/') + "/", UriKind.Absolute, out var of) && of == url);
            return source?.Credentials is { } credentials && credentials.IsValid() ? Basic(credentials.Username, credentials.Password) : null;
        }
        catch (Exception e) when (e is NuGetConfigurationException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            // The message may quote the file, and the file holds secrets.
            throw new RemoteException($"the credentials in the user's nuget.config cannot be read ({e.GetType().Name})");
        }
    }

    private static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
}
