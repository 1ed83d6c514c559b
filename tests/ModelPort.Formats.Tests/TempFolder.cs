namespace ModelPort.Formats.Tests;

/// <summary>A folder that exists for one test.</summary>
internal sealed class TempFolder : IDisposable
{
    private readonly string path = Directory.CreateTempSubdirectory("modelport-formats-").FullName;

    public string File(string name) => Path.Combine(path, name);

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        string file = File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllBytes(file, bytes);
        return file;
    }

    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    public void Dispose() => Directory.Delete(path, recursive: true);
}
