using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Porting;

/// <summary>Up to where a file was written, and the hash of all bytes before.</summary>
/// <param name="Position">The position.</param>
/// <param name="Hash">The hash in lower-case hex.</param>
internal readonly record struct WriteMark(long Position, string Hash);

/// <summary>
/// A file beside a temporary file that says up to where that was written: the key of what is written, then one mark a line. Nothing in it is believed: a mark
/// counts only when the bytes before it have its hash, so that neither the journal nor the file it is about needs to be flushed, and damage of either
/// costs work and nothing else.
/// </summary>
internal sealed class WriteJournal : IDisposable
{
    private const string Version = "modelport-journal 1 ";
    private const int LargestBytes = 16 << 20;

    private readonly SafeFileHandle _file;
    private long _end;

    private WriteJournal(SafeFileHandle file) => _file = file;

    /// <summary>Begins a journal in place of what was there.</summary>
    /// <param name="path">The journal's file.</param>
    /// <param name="key">Of what is written: the same key, the same bytes.</param>
    /// <param name="marks">What is known already.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static WriteJournal Begin(string path, string key, IEnumerable<WriteMark> marks)
    {
        var journal = new WriteJournal(File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read));
        journal.Append($"{Version}{key}\n{string.Concat(marks.Select(Line))}");
        return journal;
    }

    /// <summary>The marks of a journal with a key, ascending, up to the first that is none; empty when there is no such journal.</summary>
    /// <param name="path">The journal's file.</param>
    /// <param name="key">The key.</param>
    /// <param name="length">The length of the file that it is about.</param>
    public static List<WriteMark> Read(string path, string key, long length)
    {
        var marks = new List<WriteMark>();
        foreach (var line in Lines(path, key))
        {
            var words = line.Split(' ');
            if (words.Length != 2
                || !long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var position)
                || position > length || position <= (marks.Count == 0 ? 0 : marks[^1].Position))
            {
                break;
            }

            marks.Add(new WriteMark(position, words[1]));
        }

        return marks;
    }

    /// <summary>Adds a mark.</summary>
    public void Add(WriteMark mark) => Append(Line(mark));

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string Line(WriteMark mark) => string.Create(CultureInfo.InvariantCulture, $"{mark.Position} {mark.Hash}\n");

    // The last line counts only with its end: it may have been cut off.
    private static string[] Lines(string path, string key)
    {
        try
        {
            if (new FileInfo(path) is not { Exists: true, Length: <= LargestBytes })
            {
                return [];
            }

            var lines = File.ReadAllText(path, Encoding.Latin1).Split('\n');
            return lines[0] == Version + key ? lines[1..^1] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private void Append(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        RandomAccess.Write(_file, bytes, _end);
        _end += bytes.Length;
    }
}
