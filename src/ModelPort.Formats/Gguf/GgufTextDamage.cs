namespace ModelPort.Formats.Gguf;

/// <summary>
/// Recognises a GGUF file that some program read as text and wrote back: each byte that was not UTF-8 has become EF BF BD.
/// Magic, version and names survive that, so the header may look sound. Binary data is never valid UTF-8 by chance.
/// </summary>
internal static class GgufTextDamage
{
    private const int SampleLength = 1 << 16;

    /// <summary>Whether the bytes from an offset on are valid UTF-8 and hold replacement characters.</summary>
    public static bool IsTextFrom(SourceFile file, long offset)
    {
        if (offset >= file.Length)
        {
            return false;
        }

        byte[] sample = new byte[Math.Min(SampleLength, file.Length - offset)];
        file.Read(offset, sample, null);
        return sample.AsSpan().IndexOf(Utf8Text.ReplacementCharacter) >= 0 && Utf8Text.IsValid(WholeCharacters(sample));
    }

    public static InvalidModelFileException Fault(SourceFile file, InvalidModelFileException? inner) => new(
        file.Path,
        FileFault.Malformed,
        "the bytes EF BF BD where binary data belongs: the file was saved as text, and its data is lost",
        "a binary file",
        inner: inner);

    // The sample may begin and end inside a character.
    private static ReadOnlySpan<byte> WholeCharacters(ReadOnlySpan<byte> sample)
    {
        int start = 0;
        while (start < Math.Min(3, sample.Length) && (sample[start] & 0xC0) == 0x80)
        {
            start++;
        }

        int end = sample.Length;
        while (end > start && sample.Length - end < 4 && !Utf8Text.IsValid(sample[start..end]))
        {
            end--;
        }

        return sample[start..end];
    }
}
