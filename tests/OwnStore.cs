using System.Runtime.CompilerServices;

namespace ModelPort;

/// <summary>No test finds what another build of this user made, nor leaves anything there: tests of the store name one of their own.</summary>
internal static class OwnStore
{
    [ModuleInitializer]
    internal static void TurnOff() => Environment.SetEnvironmentVariable("MODELPORT_CACHE", "none");
}
