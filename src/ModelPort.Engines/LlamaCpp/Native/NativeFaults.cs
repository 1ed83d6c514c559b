namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>Reads causes out of what llama.cpp logs; it returns no error codes for them.</summary>
internal static class NativeFaults
{
    private static readonly string[] MemoryWords = ["failed to allocate", "unable to allocate", "bad_alloc", "bad alloc", "out of memory"];

    public static bool IsOutOfMemory(IReadOnlyList<string> log) =>
        log.Any(line => Array.Exists(MemoryWords, words => line.Contains(words, StringComparison.OrdinalIgnoreCase)));
}
