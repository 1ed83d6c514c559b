using System.Text;

namespace ModelPort.Formats;

/// <summary>A file is missing, unreadable or breaks the rules of its format. The only exception that readers throw for bad input.</summary>
public sealed class InvalidModelFileException : Exception
{
    private const int LongestQuote = 300;

    /// <summary>Describes one fault of one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fault">The kind of fault.</param>
    /// <param name="found">What the reader met, as a noun phrase.</param>
    /// <param name="expected">What the format asks for, as a noun phrase.</param>
    /// <param name="member">The tensor or key that is at fault, if there is one.</param>
    /// <param name="inner">The cause, if another exception reported it.</param>
    public InvalidModelFileException(
        string path, FileFault fault, string found, string expected, string? member = null, Exception? inner = null)
        : base(Describe(path, found, expected, member), inner)
    {
        Path = path;
        Fault = fault;
        Found = found;
        Expected = expected;
        Member = member;
    }

    /// <summary>The file at fault.</summary>
    public string Path { get; }

    /// <summary>The kind of fault.</summary>
    public FileFault Fault { get; }

    /// <summary>What the reader met.</summary>
    public string Found { get; }

    /// <summary>What the format asks for.</summary>
    public string Expected { get; }

    /// <summary>The tensor or key at fault, exactly as it stands in the file, or null when the file as a whole is at fault.</summary>
    public string? Member { get; }

    private static string Describe(string path, string found, string expected, string? member)
    {
        string place = member is null ? path : $"{path}: '{Printable(member)}'";
        return $"{place}: found {Printable(found)}; expected {Printable(expected)}.";
    }

    // Names come from the file: a message must not carry its control characters or its megabytes.
    private static string Printable(string text)
    {
        StringBuilder result = new(Math.Min(text.Length, LongestQuote) + 3);
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, LongestQuote)))
        {
            result.Append(char.IsControl(c) || char.IsSurrogate(c) ? '?' : c);
        }

        return text.Length > LongestQuote ? result.Append("...").ToString() : result.ToString();
    }
}
