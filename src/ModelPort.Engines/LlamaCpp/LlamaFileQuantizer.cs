using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>
/// llama.cpp's own quantiser of whole GGUF files: the reference that a port is compared with. Loads the runtime if it is not loaded.
/// </summary>
public static class LlamaFileQuantizer
{
    /// <summary>Quantises a file. The output appears whole or not at all.</summary>
    /// <param name="inputPath">A GGUF file.</param>
    /// <param name="outputPath">The file to write; replaced if it exists.</param>
    /// <param name="fileType">A number of enum llama_ftype: 7 is Q8_0, 15 is Q4_K_M.</param>
    /// <param name="options">Options, or null for the defaults.</param>
    /// <exception cref="ArgumentException">A type is none that ggml quantises to, or the number of threads is not positive.</exception>
    /// <exception cref="EngineException">llama.cpp refuses; <see cref="EngineException.NativeLog"/> says why.</exception>
    public static unsafe void Quantize(string inputPath, string outputPath, int fileType, LlamaFileQuantizerOptions? options = null)
    {
        var runtime = LlamaRuntime.Load();
        options ??= new LlamaFileQuantizerOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Threads, nameof(options));
        foreach (var type in options.TensorTypes.Select(entry => (int?)entry.GgmlType).Append(options.OutputType).Append(options.EmbeddingType))
        {
            if (type is { } number && !GgmlQuantizer.Supports(number))
            {
                throw new ArgumentOutOfRangeException(nameof(options), number, "ggml quantises nothing to this type.");
            }
        }

        var input = NativeText.Terminated(inputPath, nameof(inputPath));
        using (var header = GgufHeader.Open(input))
        {
            if (header is not null)
            {
                HeaderGuard.Check(header, inputPath);
                RequireWholeBlocks(header, inputPath, "output.weight", options.OutputType);
                RequireWholeBlocks(header, inputPath, "token_embd.weight", options.EmbeddingType);
            }
        }

        var temporary = $"{outputPath}.{Guid.NewGuid():N}.tmp";
        var log = runtime.Log.Position;
        using var memory = new NativeArrays();
        var parameters = runtime.Libraries.Abi.Quantize;
        parameters.Threads = options.Threads;
        parameters.FileType = fileType;
        parameters.Pure = options.Pure ? (byte)1 : (byte)0;
        parameters.AllowRequantize = options.AllowRequantize ? (byte)1 : (byte)0;
        parameters.OutputType = options.OutputType ?? parameters.OutputType;
        parameters.EmbeddingType = options.EmbeddingType ?? parameters.EmbeddingType;
        parameters.Importance = memory.Importance(options.Importance);
        parameters.TensorTypes = memory.TensorTypes(options.TensorTypes);
        try
        {
            uint result;
            fixed (byte* from = input)
            fixed (byte* to = NativeText.Terminated(temporary, nameof(outputPath)))
            {
                result = LlamaNative.Quantize(from, to, &parameters);
            }

            if (result != 0)
            {
                var problems = runtime.Log.ProblemsSince(log);
                throw new EngineException(
                    NativeFaults.IsOutOfMemory(problems) ? EngineFault.OutOfMemory : EngineFault.QuantizeFailed, inputPath,
                    File.Exists(inputPath) ? $"llama.cpp cannot quantise the file to file type {fileType}" : "no such file",
                    "a GGUF file that llama.cpp can quantise so", null, problems);
            }

            File.Move(temporary, outputPath, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    // A chosen type skips the library's own fallback for rows that it does not fit.
    private static void RequireWholeBlocks(GgufHeader header, string path, string tensor, int? type)
    {
        if (type is { } chosen && header.RowLength(tensor) is { } length && length % GgmlQuantizer.BlockLength(chosen) != 0)
        {
            throw new EngineException(
                EngineFault.QuantizeFailed, path, $"{tensor} has rows of {length}",
                $"a multiple of {GgmlQuantizer.BlockLength(chosen)} for {GgmlQuantizer.TypeName(chosen)}", "Choose another type for it.");
        }
    }

    /// <summary>The arrays that the parameters point to.</summary>
    private sealed unsafe class NativeArrays : IDisposable
    {
        private readonly List<nint> _blocks = [];

        public LlamaImportance* Importance(IReadOnlyDictionary<string, float[]> entries)
        {
            if (entries.Count == 0)
            {
                return null;
            }

            // The entry after the last stays zero: it ends the array.
            var array = (LlamaImportance*)Allocate(((nuint)entries.Count + 1) * (nuint)sizeof(LlamaImportance));
            var next = array;
            foreach (var (name, values) in entries)
            {
                next->Name = Text(name);
                next->Data = (float*)Allocate((nuint)values.Length * sizeof(float));
                next->Length = (nuint)values.Length;
                values.CopyTo(new Span<float>(next->Data, values.Length));
                next++;
            }

            return array;
        }

        public LlamaTensorType* TensorTypes(IReadOnlyList<(string Pattern, int GgmlType)> entries)
        {
            if (entries.Count == 0)
            {
                return null;
            }

            var array = (LlamaTensorType*)Allocate(((nuint)entries.Count + 1) * (nuint)sizeof(LlamaTensorType));
            for (var i = 0; i < entries.Count; i++)
            {
                array[i] = new LlamaTensorType { Pattern = Text(entries[i].Pattern), Type = entries[i].GgmlType };
            }

            return array;
        }

        public void Dispose() => _blocks.ForEach(block => NativeMemory.Free((void*)block));

        private byte* Text(string text)
        {
            var bytes = NativeText.Terminated(text, nameof(text));
            var target = (byte*)Allocate((nuint)bytes.Length);
            bytes.CopyTo(new Span<byte>(target, bytes.Length));
            return target;
        }

        private void* Allocate(nuint bytes)
        {
            var block = NativeMemory.AllocZeroed(bytes);
            _blocks.Add((nint)block);
            return block;
        }
    }
}
