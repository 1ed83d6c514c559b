using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>llama.cpp, loaded into this process and checked. One a process; it stays loaded. Safe to use from any thread.</summary>
public sealed class LlamaRuntime
{
    /// <summary>The environment variable that names a folder to load the libraries from.</summary>
    public const string DirectoryVariable = "MODELPORT_NATIVE_DIRECTORY";

    private static readonly Lock Gate = new();
    private static LlamaRuntime? loaded;

    private LlamaRuntime(LlamaLibraries libraries, string cpuBackend)
    {
        Libraries = libraries;
        CpuBackend = cpuBackend;
    }

    /// <summary>The release of llama.cpp, such as "0.5.0".</summary>
    public string Version { get; } = AbiGuard.Version;

    /// <summary>The version of ggml, such as "0.25.1".</summary>
    public string GgmlVersion { get; } = AbiGuard.GgmlVersion;

    /// <summary>The short commit of ggml that the libraries were built from.</summary>
    public string Commit { get; } = AbiGuard.Commit;

    /// <summary>The instruction-set level in use, such as "zen4". Logits differ in their last digits between levels.</summary>
    public string CpuBackend { get; }

    /// <summary>The folder that the libraries were loaded from.</summary>
    public string Directory => Libraries.Directory;

    /// <summary>What llama.cpp logs.</summary>
    public LlamaLog Log { get; } = LlamaLog.Instance;

    internal LlamaLibraries Libraries { get; }

    /// <summary>Loads llama.cpp, or returns it if it is loaded already.</summary>
    /// <param name="directory">
    /// The folder with the libraries. Null for the one that <see cref="DirectoryVariable"/> names, else runtimes/RID/native beside this assembly.
    /// </param>
    /// <param name="options">Options; null for what is loaded already, or the best for this processor.</param>
    /// <exception cref="EngineException">
    /// The libraries are missing or wrong, the platform has none, or llama.cpp is loaded already from another folder or with another back-end.
    /// </exception>
    public static LlamaRuntime Load(string? directory = null, LlamaRuntimeOptions? options = null)
    {
        lock (Gate)
        {
            if (loaded is not null && directory is null)
            {
                return loaded.Expect(options);
            }

            var platform = LlamaPlatform.Current;
            directory = Path.GetFullPath(directory ?? DefaultDirectory(platform));
            if (loaded is not null && loaded.Directory == directory)
            {
                return loaded.Expect(options);
            }

            LlamaLibraries.RequireFiles(directory, platform);
            if (LlamaLibraries.Bound is { } bound && bound.Directory != directory)
            {
                throw new EngineException(
                    EngineFault.AlreadyLoaded, directory, $"llama.cpp is loaded from {bound.Directory}", "one folder a process",
                    "Use one folder throughout, or another process.");
            }

            loaded = Start(directory, platform, options?.CpuBackend);
            return loaded;
        }
    }

    private static LlamaRuntime Start(string directory, LlamaPlatform platform, string? pinned)
    {
        // A failed assertion in ggml would start a debugger for its backtrace; ggml reads this when it is loaded.
        NativeEnvironment.Set("GGML_NO_BACKTRACE", "1");
        var libraries = LlamaLibraries.Bound ?? LlamaLibraries.Open(directory, platform);
        try
        {
            var backend = CpuBackends.Choose(directory, platform, pinned);
            if (LlamaLibraries.Bound is null)
            {
                libraries.Bind();
                Initialize();
            }

            CpuBackends.Load(backend.Path);
            return new LlamaRuntime(libraries, backend.Name);
        }
        finally
        {
            if (LlamaLibraries.Bound is null)
            {
                libraries.Dispose();
            }
        }
    }

    private static unsafe void Initialize()
    {
        LlamaNative.LogSet(LlamaLog.NativeCallback, null);
        LlamaNative.BackendInit();
    }

    private static string DefaultDirectory(LlamaPlatform platform)
    {
        var chosen = Environment.GetEnvironmentVariable(DirectoryVariable);
        return string.IsNullOrEmpty(chosen)
            ? Path.Combine(
                Path.GetDirectoryName(typeof(LlamaRuntime).Assembly.Location) ?? AppContext.BaseDirectory, "runtimes", platform.Rid, "native")
            : chosen;
    }

    private LlamaRuntime Expect(LlamaRuntimeOptions? options) =>
        options?.CpuBackend is { } pinned && pinned != CpuBackend
            ? throw new EngineException(
                EngineFault.AlreadyLoaded, Directory, $"llama.cpp is loaded with the CPU back-end '{CpuBackend}'", $"'{pinned}'",
                "Pin the back-end at the first load in the process.")
            : this;
}
