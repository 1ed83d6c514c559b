using System.Security.Cryptography;
using System.Text;
using ModelPort.Diagnostics;

namespace ModelPort.Parity;

/// <summary>The text that parity is measured on. It may be of any length: only as much of it as is measured is ever in memory.</summary>
/// <param name="Name">The file's name, or "default" for the text that ships with ModelPort.</param>
/// <param name="Path">The file, for messages; empty for the text that ships with ModelPort.</param>
/// <param name="Sha256">SHA-256 of its bytes, in lower-case hex.</param>
/// <param name="Length">Its length in bytes.</param>
public sealed record EvaluationText(string Name, string Path, string Sha256, long Length)
{
    /// <summary>The text that ships with ModelPort: chapters of the King James Bible, public domain.</summary>
    public const string DefaultName = "default";

    private const int ChunkBytes = 1 << 18;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads a text once, for its hash and for bytes that are not UTF-8.</summary>
    /// <param name="path">The user's file, or null for the text that ships with ModelPort.</param>
    /// <param name="option">The option that named it.</param>
    /// <exception cref="ModelPortException">MP1002 or MP1003: the file is missing or unreadable; MP1005: it is not UTF-8.</exception>
    public static EvaluationText Open(string? path, string option = "Evaluation")
    {
        if (path is null)
        {
            return Check(DefaultName, "");
        }

        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.FileMissing(path, $"the text of {option}"));
        }

        return System.IO.Path.GetExtension(path).Equals(".txt", StringComparison.OrdinalIgnoreCase)
            ? Check(System.IO.Path.GetFileName(path), path)
            : throw new ModelPortException(Diagnose.InvalidOption(path, option, System.IO.Path.GetFileName(path), "a text file (.txt)"));
    }

    /// <summary>The beginning of the text, cut between characters.</summary>
    /// <param name="bytes">At most this many bytes.</param>
    /// <exception cref="ModelPortException">MP1003: the file is unreadable.</exception>
    public string Beginning(long bytes)
    {
        // One byte more, which tells whether a character ends before it.
        var cut = (int)Math.Min(Math.Min(bytes, Length), Array.MaxLength - 1);
        var buffer = new byte[cut + 1];
        var read = Reading(Path, stream => stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false));
        for (cut = Math.Min(cut, read); cut > 0 && cut < read && (buffer[cut] & 0xC0) == 0x80; cut--)
        {
        }

        return Encoding.UTF8.GetString(buffer, 0, cut);
    }

    private static EvaluationText Check(string name, string path) => Reading(path, stream =>
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var decoder = Strict.GetDecoder();
        var (bytes, chars) = (new byte[ChunkBytes], new char[Strict.GetMaxCharCount(ChunkBytes)]);
        long length = 0;
        int read;
        do
        {
            read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            hash.AppendData(bytes, 0, read);
            try
            {
                decoder.GetChars(bytes.AsSpan(0, read), chars, flush: read < bytes.Length);
            }
            catch (DecoderFallbackException e)
            {
                throw new ModelPortException(Diagnose.Malformed(path, $"a byte that is not UTF-8 at offset {length + e.Index}", "text in UTF-8"), e);
            }

            length += read;
        }
        while (read == bytes.Length);
        return new EvaluationText(name, path, Convert.ToHexStringLower(hash.GetHashAndReset()), length);
    });

    private static T Reading<T>(string path, Func<Stream, T> read)
    {
        try
        {
            using var stream = path.Length == 0 ? typeof(EvaluationText).Assembly.GetManifestResourceStream("default-evaluation.txt")! : File.OpenRead(path);
            return read(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.Unreadable(path, e.Message), e);
        }
    }
}
