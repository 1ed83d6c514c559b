using System.Runtime.InteropServices;
using System.Text;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>
/// The CPU back-ends: one library an instruction-set level. Chosen as ggml_backend_load_all_from_path does, by the highest
/// score that a library gives this processor, but explicitly: the choice has a name, and no environment variable adds others.
/// </summary>
internal static unsafe class CpuBackends
{
    private const string Stem = "ggml-cpu-";

    /// <summary>The best back-end of a folder for this processor, or the named one. Needs ggml to be open, not bound.</summary>
    /// <exception cref="EngineException">There is none, or this processor cannot run it.</exception>
    public static (string Name, string Path) Choose(string directory, LlamaPlatform platform, string? pinned)
    {
        var carried = Directory.EnumerateFiles(directory, platform.FileName(Stem + "*"))
            .Select(path => (Name: Path.GetFileName(path)[(platform.Prefix.Length + Stem.Length)..^platform.Extension.Length], Path: path))
            .OrderBy(backend => backend.Name, StringComparer.Ordinal)
            .ToList();
        if (carried.Count == 0)
        {
            throw new EngineException(
                EngineFault.LibraryMissing, directory, "no CPU back-end", $"files named {platform.FileName(Stem + "*")}", AbiGuard.Remedy);
        }

        var wanted = pinned is null ? carried : carried.FindAll(backend => backend.Name == pinned);
        var best = wanted.Select(backend => (backend.Name, backend.Path, Score: Score(backend.Path)))
            .OrderByDescending(backend => backend.Score)
            .FirstOrDefault();
        if (best.Score <= 0)
        {
            throw new EngineException(
                EngineFault.PlatformUnsupported, directory,
                wanted.Count == 0 ? $"no CPU back-end named '{pinned}'" : "this processor runs no such CPU back-end",
                $"one of {string.Join(", ", carried.Select(backend => backend.Name))}",
                pinned is null ? null : "Leave the choice open to get the best that runs here.");
        }

        return (best.Name, best.Path);
    }

    /// <summary>Loads a back-end into ggml's registry.</summary>
    /// <exception cref="EngineException">ggml refuses it.</exception>
    public static void Load(string backend)
    {
        var log = LlamaLog.Instance.Position;
        fixed (byte* path = Encoding.UTF8.GetBytes(backend + "\0"))
        {
            if (GgmlNative.BackendLoad(path) == 0)
            {
                throw new EngineException(
                    EngineFault.LibraryWrong, backend, "the CPU back-end could not be loaded", $"a back-end of llama.cpp {AbiGuard.Version}",
                    AbiGuard.Remedy, LlamaLog.Instance.ProblemsSince(log));
            }
        }
    }

    private static int Score(string path)
    {
        if (!NativeLibrary.TryLoad(path, out var library))
        {
            return 0;
        }

        try
        {
            return NativeLibrary.TryGetExport(library, "ggml_backend_score", out var score) ? ((delegate* unmanaged[Cdecl]<int>)score)() : 0;
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }
}
