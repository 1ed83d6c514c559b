using System.Security.Cryptography;
using System.Text;
using ModelPort.Diagnostics;

namespace ModelPort.Parity;

/// <summary>The text that parity is measured on.</summary>
/// <param name="Name">The file's name, or "default" for the text that ships with ModelPort.</param>
/// <param name="Path">The file, for messages.</param>
/// <param name="Sha256">SHA-256 of its bytes, in lower-case hex.</param>
/// <param name="Text">The text, read as UTF-8.</param>
public sealed record EvaluationText(string Name, string Path, string Sha256, string Text)
{
    /// <summary>The text that ships with ModelPort: forty chapters' worth of the King James Bible, public domain.</summary>
    public const string DefaultName = "default";

    /// <summary>Reads a text, or the one that ships with ModelPort.</summary>
    /// <param name="path">The user's file, or null.</param>
    /// <param name="option">The option that named it.</param>
    /// <exception cref="ModelPortException">MP1002 or MP1003: the file is missing or unreadable; MP1005: it is not UTF-8.</exception>
    public static EvaluationText Open(string? path, string option = "Evaluation")
    {
        if (path is null)
        {
            using var stream = typeof(EvaluationText).Assembly.GetManifestResourceStream("default-evaluation.txt")!;
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            return Decode(DefaultName, "", memory.ToArray());
        }

        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.FileMissing(path, $"the text of {option}"));
        }

        if (!System.IO.Path.GetExtension(path).Equals(".txt", StringComparison.OrdinalIgnoreCase))
        {
            throw new ModelPortException(Diagnose.InvalidOption(path, option, System.IO.Path.GetFileName(path), "a text file (.txt)"));
        }

        try
        {
            return Decode(System.IO.Path.GetFileName(path), path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.Unreadable(path, e.Message), e);
        }
    }

    private static EvaluationText Decode(string name, string path, byte[] bytes)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            return new EvaluationText(name, path, Convert.ToHexStringLower(SHA256.HashData(bytes)), text);
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelPortException(Diagnose.Malformed(path, $"a byte that is not UTF-8 at offset {e.Index}", "text in UTF-8"), e);
        }
    }
}
