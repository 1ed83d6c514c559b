namespace ModelPort.Engines.Tests;

/// <summary>A folder that is deleted at the end; its name holds blanks and letters beyond ASCII, which paths must survive.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Directory.CreateDirectory(Path);

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"modelport engine töst 猫 {Guid.NewGuid():N}");

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
