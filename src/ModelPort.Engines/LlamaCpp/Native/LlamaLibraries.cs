using System.Reflection;
using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>The opened and checked libraries of one folder.</summary>
internal sealed class LlamaLibraries : IDisposable
{
    public const string Llama = "llama.v0.5.0";
    public const string Ggml = "ggml.v0.5.0";
    public const string GgmlBase = "ggml-base";

    private static readonly string[] LoadOrder = [GgmlBase, Ggml, Llama];

    private readonly Dictionary<string, nint> _handles = [];

    private LlamaLibraries(string directory) => Directory = directory;

    /// <summary>The libraries that the imports resolve to, or null.</summary>
    public static LlamaLibraries? Bound { get; private set; }

    /// <summary>The folder they were opened from.</summary>
    public string Directory { get; }

    /// <summary>What the check found: the parameter defaults.</summary>
    public AbiGuard Abi { get; private set; } = null!;

    /// <exception cref="EngineException">A library is not in the folder.</exception>
    public static void RequireFiles(string directory, LlamaPlatform platform)
    {
        foreach (var name in LoadOrder)
        {
            var path = Path.Combine(directory, platform.FileName(name));
            if (!File.Exists(path))
            {
                throw new EngineException(
                    EngineFault.LibraryMissing, path, System.IO.Directory.Exists(directory) ? "no such file" : "no such folder",
                    $"the llama.cpp {AbiGuard.Version} libraries for {platform.Rid}",
                    $"Build ModelPort.Engines, which restores them, or point {LlamaRuntime.DirectoryVariable} at a folder that holds them.");
            }
        }
    }

    /// <summary>Opens the libraries of a folder and checks that they are the ones this binding is written for.</summary>
    /// <exception cref="EngineException">One is missing, is no library, or is another version.</exception>
    public static LlamaLibraries Open(string directory, LlamaPlatform platform)
    {
        RequireFiles(directory, platform);
        var libraries = new LlamaLibraries(directory);
        try
        {
            foreach (var name in LoadOrder)
            {
                libraries._handles[name] = OpenLibrary(Path.Combine(directory, platform.FileName(name)), platform);
            }

            libraries.Abi = AbiGuard.Check(libraries, platform);
            return libraries;
        }
        catch
        {
            libraries.Dispose();
            throw;
        }
    }

    /// <summary>Makes the imports of this assembly resolve to these libraries, for the life of the process. Once only.</summary>
    public void Bind()
    {
        Bound = this;
        NativeLibrary.SetDllImportResolver(typeof(LlamaLibraries).Assembly, Resolve);
    }

    public nint Export(string library, string name, LlamaPlatform platform) =>
        NativeLibrary.TryGetExport(_handles[library], name, out var address) ? address : throw new EngineException(
            EngineFault.LibraryWrong, Path.Combine(Directory, platform.FileName(library)), $"it has no function '{name}'",
            $"llama.cpp {AbiGuard.Version}", AbiGuard.Remedy);

    public bool TryExport(string library, string name, out nint address) => NativeLibrary.TryGetExport(_handles[library], name, out address);

    public void Dispose()
    {
        foreach (var name in LoadOrder.Reverse())
        {
            if (_handles.Remove(name, out var handle))
            {
                NativeLibrary.Free(handle);
            }
        }
    }

    private static nint OpenLibrary(string path, LlamaPlatform platform)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            throw new EngineException(
                EngineFault.LibraryWrong, path, "the system's loader refuses it", $"a llama.cpp {AbiGuard.Version} library for {platform.Rid}",
                "The inner exception holds the loader's words. llama.cpp's libraries need glibc 2.34 or newer and libstdc++.", innerException: error);
        }
    }

    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath) =>
        Bound!._handles.GetValueOrDefault(library);
}
