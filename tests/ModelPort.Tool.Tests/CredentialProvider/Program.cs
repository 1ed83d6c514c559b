using NuGet.Protocol.Plugins;

// A credential provider as users install it: NuGet starts it, asks what it can do, and then for credentials. It gives those of its environment, and notes what it was asked.
using var end = new ManualResetEventSlim();
var handlers = new RequestHandlers();
handlers.TryAdd(MessageMethod.Initialize, new Answer<InitializeRequest, InitializeResponse>(_ => new InitializeResponse(MessageResponseCode.Success)));
handlers.TryAdd(MessageMethod.SetLogLevel, new Answer<SetLogLevelRequest, SetLogLevelResponse>(_ => new SetLogLevelResponse(MessageResponseCode.Success)));
handlers.TryAdd(MessageMethod.GetOperationClaims, new Answer<GetOperationClaimsRequest, GetOperationClaimsResponse>(_ => new GetOperationClaimsResponse([OperationClaim.Authentication])));
handlers.TryAdd(MessageMethod.GetAuthenticationCredentials, new Answer<GetAuthenticationCredentialsRequest, GetAuthenticationCredentialsResponse>(asked =>
{
    File.AppendAllText(Variable("LOG"), $"{asked.Uri.Host} retry {asked.IsRetry} interactive {!asked.IsNonInteractive}\n");
    return new GetAuthenticationCredentialsResponse(Variable("USER"), Variable("PASSWORD"), message: null, authenticationTypes: ["basic"], MessageResponseCode.Success);
}));
using var plugin = await PluginFactory.CreateFromCurrentProcessAsync(handlers, ConnectionOptions.CreateDefault(), CancellationToken.None);
plugin.Closed += (_, _) => end.Set();
end.Wait(TimeSpan.FromMinutes(1));

static string Variable(string name) => Environment.GetEnvironmentVariable("MODELPORT_TESTS_PROVIDER_" + name)!;

/// <summary>Answers a request.</summary>
internal sealed class Answer<TRequest, TResponse>(Func<TRequest, TResponse> answer) : IRequestHandler
    where TRequest : class
    where TResponse : class
{
    public CancellationToken CancellationToken => CancellationToken.None;

    public Task HandleResponseAsync(IConnection connection, Message request, IResponseHandler responseHandler, CancellationToken cancellationToken) =>
        responseHandler.SendResponseAsync(request, answer(MessageUtilities.DeserializePayload<TRequest>(request)!), cancellationToken);
}
