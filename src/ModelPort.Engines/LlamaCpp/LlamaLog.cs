using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>The severity of a line that llama.cpp logged (enum ggml_log_level of ggml.h).</summary>
public enum LlamaLogLevel
{
    /// <summary>No severity.</summary>
    None = 0,

    /// <summary>Detail for developers of llama.cpp.</summary>
    Debug = 1,

    /// <summary>Progress and facts.</summary>
    Information = 2,

    /// <summary>Something is odd; work goes on.</summary>
    Warning = 3,

    /// <summary>Something failed.</summary>
    Error = 4,
}

/// <summary>A line that llama.cpp logged.</summary>
/// <param name="Level">Its severity.</param>
/// <param name="Text">Its text without the line end.</param>
public readonly record struct LlamaLogLine(LlamaLogLevel Level, string Text);

/// <summary>Collects what llama.cpp logs: the last <see cref="Capacity"/> lines, and a callback for each. Safe to use from any thread.</summary>
public sealed class LlamaLog
{
    /// <summary>How many lines are kept.</summary>
    public const int Capacity = 512;

    private const int LongestLine = 8192;
    private const int Continuation = 5;

    internal static readonly LlamaLog Instance = new();

    private readonly Lock _gate = new();
    private readonly LlamaLogLine[] _lines = new LlamaLogLine[Capacity];
    private readonly StringBuilder _open = new();
    private LlamaLogLevel _openLevel;
    private long _count;

    private LlamaLog()
    {
    }

    /// <summary>Called with every complete line, on the thread that logged it; what it throws is dropped. Null for none.</summary>
    public Action<LlamaLogLine>? Callback { get; set; }

    /// <summary>The lines kept, oldest first.</summary>
    public IReadOnlyList<LlamaLogLine> Lines => Since(0);

    internal long Position
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Warnings and errors logged since a position, oldest first.</summary>
    internal IReadOnlyList<string> ProblemsSince(long position) =>
        [.. Since(position).Where(line => line.Level is LlamaLogLevel.Warning or LlamaLogLevel.Error).Select(line => line.Text)];

    internal static unsafe delegate* unmanaged[Cdecl]<int, byte*, void*, void> NativeCallback => &OnLog;

    private List<LlamaLogLine> Since(long position)
    {
        lock (_gate)
        {
            var lines = new List<LlamaLogLine>();
            for (var i = Math.Max(position, _count - Capacity); i < _count; i++)
            {
                lines.Add(_lines[i % Capacity]);
            }

            return lines;
        }
    }

    private void Append(int level, string text)
    {
        List<LlamaLogLine> complete = [];
        lock (_gate)
        {
            if (level != Continuation)
            {
                Close(complete);
                _openLevel = (LlamaLogLevel)level;
            }

            foreach (var c in text)
            {
                if (c == '\n')
                {
                    Close(complete);
                }
                else if (_open.Length < LongestLine)
                {
                    _open.Append(c);
                }
            }

            // A problem must be readable even if the library never ends its line.
            if (_openLevel >= LlamaLogLevel.Warning)
            {
                Close(complete);
            }
        }

        foreach (var line in complete)
        {
            Callback?.Invoke(line);
        }
    }

    private void Close(List<LlamaLogLine> complete)
    {
        if (_open.Length > 0)
        {
            var line = new LlamaLogLine(_openLevel, _open.ToString().TrimEnd());
            _lines[_count++ % Capacity] = line;
            complete.Add(line);
            _open.Clear();
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe void OnLog(int level, byte* text, void* data)
    {
        try
        {
            Instance.Append(level, Marshal.PtrToStringUTF8((nint)text) ?? "");
        }
        catch (Exception)
        {
            // An exception must not unwind into native frames.
        }
    }
}
