using System.Net.Http.Headers;
using System.Text;
using ModelPort.Caching.Remote;
using ModelPort.Diagnostics;
using NuGet.Configuration;

namespace ModelPort.Tests.Caching.Remote;

/// <summary>Credentials come from the environment or the user's nuget.config, go to the cache alone, and are in no message.</summary>
public sealed class RemoteSecretsTests : IDisposable
{
    private const string Secret = "s3cret-word";
    private readonly RemoteFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData($"https://user:{Secret}@cache.example.com/")]
    [InlineData($"http://{Secret}@cache.example.com/")]
    [InlineData($"https://cache.example.com/?sig={Secret}")]
    [InlineData($"https://cache.example.com/#{Secret}")]
    [InlineData($"ftp://user:{Secret}@cache.example.com/")]
    [InlineData($"https://user:{Secret}@/")]
    public void An_address_that_may_hold_a_secret_is_refused_without_being_repeated(string address)
    {
        var refused = Assert.Throws<ModelPortException>(() => PortRequest.Parse("model", "out", new Dictionary<string, string>(), new Dictionary<string, string> { ["RemoteCache"] = address }, "app.csproj"));
        Assert.Equal(("MP1044", "app.csproj"), (refused.Diagnostic.Code, refused.Diagnostic.File));
        Assert.DoesNotContain(Secret, refused.ToString(), StringComparison.Ordinal);
        Assert.Contains(RemoteCredentials.TokenVariable, refused.Diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_relative_folder_is_relative_to_the_project()
    {
        var project = _fixture.Folder["app.csproj"];
        var request = PortRequest.Parse("model", "out", new Dictionary<string, string>(), new Dictionary<string, string> { ["RemoteCache"] = "shared/cache", ["RemoteCacheReadOnly"] = "true" }, project);
        Assert.Equal(new RemoteAddress(null, _fixture.Folder["shared/cache"]), request.RemoteCache);
        Assert.True(request.RemoteCacheReadOnly);
    }

    [Fact]
    public void A_token_goes_before_a_user_and_a_user_before_nugets_settings()
    {
        var settings = NuGetConfig("https://cache.example.com/models", "file-user");
        var variables = new Dictionary<string, string> { [RemoteCredentials.TokenVariable] = "token", [RemoteCredentials.UserVariable] = "user", [RemoteCredentials.PasswordVariable] = Secret };
        AuthenticationHeaderValue? Find() => RemoteCredentials.Find(new Uri("https://cache.example.com/models/"), variables.GetValueOrDefault, () => settings);
        Assert.Equal(new AuthenticationHeaderValue("Bearer", "token"), Find());
        variables.Remove(RemoteCredentials.TokenVariable);
        Assert.Equal(Basic("user", Secret), Find());
        variables.Clear();
        Assert.Equal(Basic("file-user", Secret), Find());
    }

    [Fact]
    public void Credentials_of_another_source_are_not_sent()
    {
        var settings = NuGetConfig("https://cache.example.com/other", "file-user");
        Assert.Null(RemoteCredentials.Find(new Uri("https://cache.example.com/models/"), _ => null, () => settings));
        Assert.Null(RemoteCredentials.Find(new Uri("https://example.com/other/"), _ => null, () => settings));
    }

    [Fact]
    public async Task Settings_that_cannot_be_read_are_the_end_of_the_layer_and_quote_nothing()
    {
        await using var server = await CacheServer.Start();
        File.WriteAllText(_fixture.Folder["nuget.config"], $"<configuration><packageSources><add key=\"{Secret}\" ");
        using var layer = RemoteLayer.Open(
            RemoteAddress.Parse(server.Url, ""), false, RemoteLimits.Default,
            url => RemoteCredentials.Find(url, _ => null, () => Settings.LoadSpecificSettings(_fixture.Folder.Path, "nuget.config")), _fixture.Observer);
        Assert.False(_fixture.Fetch(layer));
        var warning = Assert.Single(_fixture.Observer.Warnings);
        Assert.Equal("MP2060", warning.Code);
        Assert.DoesNotContain(Secret, warning.Message, StringComparison.Ordinal);
        Assert.Empty(server.Asked);
    }

    [Fact]
    public void Credentials_are_not_sent_in_the_clear()
    {
        using var layer = RemoteLayer.Open(RemoteAddress.Parse("http://cache.example.com", ""), false, RemoteLimits.Default, _ => Basic("user", Secret), _fixture.Observer);
        Assert.False(_fixture.Fetch(layer));
        var warning = Assert.Single(_fixture.Observer.Warnings);
        Assert.Equal("MP2060", warning.Code);
        Assert.Contains("https", warning.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_go_with_every_request_and_into_no_message()
    {
        await using var server = await CacheServer.Start();
        server.Fault = context =>
        {
            context.Response.StatusCode = context.Request.Method == "PUT" ? 403 : 404;
            return Task.FromResult(true);
        };
        using var layer = RemoteLayer.Open(RemoteAddress.Parse(server.Url, ""), false, RemoteLimits.Default, _ => Basic("user", Secret), _fixture.Observer);
        Assert.False(_fixture.Fetch(layer));
        layer.StoreObject(_fixture.Sha256, _fixture.Source(), TestContext.Current.CancellationToken);
        Assert.Equal(["GET", "HEAD", "PUT"], server.Asked.Select(a => a.Split(' ')[0]));
        Assert.All(server.Authorizations, a => Assert.Equal(Basic("user", Secret).ToString(), a));
        var message = Assert.Single(_fixture.Observer.Warnings).ToString();
        Assert.DoesNotContain(Secret, message, StringComparison.Ordinal);
        Assert.DoesNotContain(Basic("user", Secret).Parameter!, message, StringComparison.Ordinal);
    }

    private static AuthenticationHeaderValue Basic(string user, string password) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private ISettings NuGetConfig(string source, string user)
    {
        File.WriteAllText(_fixture.Folder["nuget.config"], $"""
            <configuration>
              <packageSources><clear /><add key="models" value="{source}" /></packageSources>
              <packageSourceCredentials><models><add key="Username" value="{user}" /><add key="ClearTextPassword" value="{Secret}" /></models></packageSourceCredentials>
            </configuration>
            """);
        return Settings.LoadSpecificSettings(_fixture.Folder.Path, "nuget.config");
    }
}
