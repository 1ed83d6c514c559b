namespace ModelPort.Formats;

/// <summary>What is wrong with a file that a reader refused.</summary>
public enum FileFault
{
    /// <summary>The file or its folder does not exist.</summary>
    Missing,

    /// <summary>The operating system refuses to open or read the file.</summary>
    Unreadable,

    /// <summary>The file ends before the content that it announces.</summary>
    Truncated,

    /// <summary>The file, or something that it announces, is larger than a reader accepts.</summary>
    TooLarge,

    /// <summary>The content does not follow the format.</summary>
    Malformed,

    /// <summary>Each part follows the format, but the parts contradict one another.</summary>
    Inconsistent,

    /// <summary>A name that must be unique occurs twice.</summary>
    Duplicate,

    /// <summary>An identifier names no type that the reader knows.</summary>
    UnknownType,

    /// <summary>A known form of the format that is deliberately not read, such as an old version.</summary>
    Unsupported,

    /// <summary>A file name inside the file would leave the folder of the file.</summary>
    UnsafePath,
}
