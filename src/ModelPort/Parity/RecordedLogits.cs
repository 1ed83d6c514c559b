using System.Globalization;
using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;
using ModelPort.Kernels;
using ModelPort.Porting;

namespace ModelPort.Parity;

/// <summary>
/// Logits that a model is compared with, in a safetensors file: <c>input_ids</c> [windows, length] (I32 or I64) and <c>logits</c> [windows, rows,
/// vocabulary] (F32) of the positions from <c>first_scored</c> (in the file's metadata; 0 when absent) on. A source's logits are recorded like this once
/// for all its ports, and frameworks of origin give theirs in the same form.
/// </summary>
internal sealed class RecordedLogits : IDisposable
{
    private const string FirstScoredKey = "first_scored";

    private readonly SafetensorsFile _file;
    private readonly SafetensorsTensor _logits;

    private RecordedLogits(SafetensorsFile file, SafetensorsTensor logits, TokenWindows windows)
    {
        _file = file;
        _logits = logits;
        Windows = windows;
    }

    /// <summary>The tokens.</summary>
    public TokenWindows Windows { get; }

    /// <summary>Logits of a position.</summary>
    public int VocabularySize => (int)_logits.Shape[2];

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabularySize">Tokens in the model's vocabulary.</param>
    /// <exception cref="ModelPortException">MP3004: the file does not fit the model.</exception>
    public static RecordedLogits Open(string path, int vocabularySize)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            var ids = Ids(file, vocabularySize);
            var first = FirstScored(file);
            var logits = Tensor(file, "logits", 3);
            if (logits.Type != SafetensorsType.F32 || logits.Shape[0] != ids.Length || logits.Shape[1] < 1 || logits.Shape[1] + first > ids[0].Length)
            {
                throw Mismatch(file, $"logits {logits.Type} [{string.Join(", ", logits.Shape)}]", $"F32 [{ids.Length}, {ids[0].Length - first}, vocabulary]");
            }

            if (logits.Shape[2] != vocabularySize)
            {
                throw Mismatch(file, $"logits over {logits.Shape[2]} tokens", $"{vocabularySize}, the size of the model's vocabulary");
            }

            return new RecordedLogits(file, logits, new TokenWindows(ids, first, (int)logits.Shape[1]));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Runs a model and records its logits in a temporary file.</summary>
    /// <param name="path">The name of the file, once it is committed.</param>
    /// <param name="windows">The tokens.</param>
    /// <param name="vocabularySize">Tokens in the model's vocabulary.</param>
    /// <param name="source">The model's source, for messages.</param>
    /// <param name="run">Runs the model and hands out its rows.</param>
    /// <param name="key">Of the file's bytes, where a run that was broken off may be gone on with; null where none is.</param>
    /// <exception cref="ModelPortException">MP2001 or MP2002: it cannot be written; MP3002: a logit is not finite.</exception>
    public static OutputFile Record(string path, TokenWindows windows, int vocabularySize, string source, Action<RowReader, IWindowLog> run, string? key = null)
    {
        using var header = new MemoryStream();
        using var writer = new SafetensorsWriter(
            header,
            [
                ("input_ids", SafetensorsType.I32, [windows.Count, windows.Length]),
                ("logits", SafetensorsType.F32, [windows.Count, windows.Rows, vocabularySize]),
            ],
            [new(FirstScoredKey, windows.FirstScored.ToString(CultureInfo.InvariantCulture))]);
        var (ids, logits) = (writer.Tensors[0], writer.Tensors[1]);
        var length = logits.Offset + logits.ByteLength;
        var file = key is null ? OutputFile.Create(path, length) : OutputFile.Continue(path, length);
        try
        {
            file.Recover(key, CancellationToken.None);
            file.Write(header.ToArray(), 0);
            for (var window = 0; window < windows.Count; window++)
            {
                file.Write(MemoryMarshal.AsBytes(windows[window]), ids.Offset + (long)window * windows.Length * sizeof(int));
            }

            var rowBytes = (long)vocabularySize * sizeof(float);
            var log = new RowLog(file, logits.Offset, windows.Rows * rowBytes);
            run(Write, log);
            return file;

            void Write(int window, int row, ReadOnlySpan<float> values)
            {
                if (Finite.IndexOfNonFinite(values) >= 0)
                {
                    throw new ModelPortException(Diagnose.Unmeasurable(source, $"the source itself gives NaN or infinity in window {window}, position {windows.FirstScored + row}"));
                }

                file.Write(MemoryMarshal.AsBytes(values), logits.Offset + ((long)window * windows.Rows + row) * rowBytes);
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a row. Safe to call from several threads at once.</summary>
    /// <exception cref="ModelPortException">MP3004: a logit is not finite.</exception>
    public void Read(int window, int row, Span<float> logits)
    {
        _file.Read(_logits, ((long)window * Windows.Rows + row) * VocabularySize * sizeof(float), MemoryMarshal.AsBytes(logits));
        if (Finite.IndexOfNonFinite(logits) >= 0)
        {
            throw Mismatch(_file, $"NaN or infinity among the logits of row {window}, position {Windows.FirstScored + row}", "finite logits");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Up to where rows are recorded without a gap: so far they are hashed and noted.</summary>
    private sealed class RowLog(OutputFile file, long offset, long windowBytes) : IWindowLog
    {
        private readonly Dictionary<int, int> _done = [];
        private readonly Lock _gate = new();
        private int _next;

        public bool Holds(int first, int count)
        {
            var holds = offset + (first + count) * windowBytes <= file.Recovered;
            _next = holds ? first + count : _next;
            return holds;
        }

        public void Done(int first, int count)
        {
            lock (_gate)
            {
                _done[first] = count;
                while (_done.Remove(_next, out var more))
                {
                    _next += more;
                }

                file.Settle(offset + _next * windowBytes, CancellationToken.None);
            }
        }
    }

    private static int[][] Ids(SafetensorsFile file, int vocabularySize)
    {
        var tensor = Tensor(file, "input_ids", 2);
        if (tensor.Type is not (SafetensorsType.I32 or SafetensorsType.I64) || tensor.Shape[1] < 2 || tensor.Shape[0] < 1 || tensor.ElementCount > 1 << 24)
        {
            throw Mismatch(file, $"input_ids {tensor.Type} [{string.Join(", ", tensor.Shape)}]", "I32 or I64 [rows, length] with a length of 2 or more");
        }

        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        long[] ids = tensor.Type == SafetensorsType.I64 ? [.. MemoryMarshal.Cast<byte, long>(bytes)] : [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray()];
        var outside = Array.FindIndex(ids, id => id < 0 || id >= vocabularySize);
        return outside < 0
            ? [.. ids.Select(id => (int)id).Chunk((int)tensor.Shape[1])]
            : throw Mismatch(file, $"a token id outside the vocabulary in row {outside / tensor.Shape[1]}", $"ids from 0 to {vocabularySize - 1}");
    }

    private static int FirstScored(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(FirstScoredKey, out var text))
        {
            return 0;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var first) && first <= 1 << 24
            ? first
            : throw Mismatch(file, $"{FirstScoredKey} '{text}'", "a position");
    }

    private static SafetensorsTensor Tensor(SafetensorsFile file, string name, int dimensions) =>
        file.TryGet(name, out var tensor) && tensor.Shape.Length == dimensions
            ? tensor
            : throw Mismatch(file, $"no tensor '{name}' with {dimensions} dimensions", "input_ids [rows, length] and logits [rows, length, vocabulary]");

    private static ModelPortException Mismatch(SafetensorsFile file, string found, string expected) =>
        new(Diagnose.ReferenceMismatch(file.Path, found, expected));
}
