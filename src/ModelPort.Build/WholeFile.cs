using System.Text;

namespace ModelPort.Build;

/// <summary>Writes small files so that a reader, or a kill at any moment, finds the old content or the new one.</summary>
internal static class WholeFile
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes <paramref name="text"/> to a temporary name beside <paramref name="path"/>, then renames.</summary>
    /// <param name="path">An absolute path in a folder that exists.</param>
    /// <param name="text">The content.</param>
    /// <param name="time">The file's time, when it shall not be now.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string path, string text, DateTime? time = null)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllText(temporary, text, Utf8);
            if (time is { } stamp)
            {
                File.SetLastWriteTimeUtc(temporary, stamp);
            }

            Replace(temporary, path);
        }
        finally
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
        }
    }

    private static void Replace(string temporary, string path)
    {
        // netstandard2.0 has no overwriting move: Replace needs an existing target and Move a missing one, and a neighbour may change which it is.
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (File.Exists(path))
                {
                    File.Replace(temporary, path, null);
                }
                else
                {
                    File.Move(temporary, path);
                }

                return;
            }
            catch (IOException e) when (e is not DirectoryNotFoundException && attempt < 20)
            {
                Thread.Sleep(10);
            }
        }
    }
}
