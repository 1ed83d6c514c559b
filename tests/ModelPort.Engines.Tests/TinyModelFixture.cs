using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Engines.Tests;

/// <summary>The tiny model, written and loaded once for the tests of a class.</summary>
public sealed class TinyModelFixture : IDisposable
{
    public TinyModelFixture()
    {
        Path = Folder["tiny modèle.gguf"];
        TinyModel.Write(Path);
        Model = LlamaModel.Load(LlamaRuntime.Load(), Path);
    }

    public TemporaryFolder Folder { get; } = new();

    public string Path { get; }

    public LlamaModel Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        Folder.Dispose();
    }
}
