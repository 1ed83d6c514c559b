using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>A platform that llama.cpp libraries are carried for, and how they are named there.</summary>
internal sealed record LlamaPlatform(string Rid, string Prefix, string Extension)
{
    // Must agree with build/native/llama.targets.
    private static readonly LlamaPlatform[] Carried =
    [
        new("linux-x64", "lib", ".so"),
        new("linux-arm64", "lib", ".so"),
    ];

    /// <summary>This process's platform.</summary>
    /// <exception cref="EngineException">No library is carried for it.</exception>
    public static LlamaPlatform Current
    {
        get
        {
            var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : OperatingSystem.IsLinux() ? "linux" : "unknown";
            var rid = $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
            return Array.Find(Carried, platform => platform.Rid == rid) ?? throw new EngineException(
                EngineFault.PlatformUnsupported, null, $"this process runs on {rid}",
                $"one of {string.Join(", ", Carried.Select(platform => platform.Rid))}",
                "Port on one of those platforms; the ported files run everywhere.");
        }
    }

    public string FileName(string library) => Prefix + library + Extension;
}
