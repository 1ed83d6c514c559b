using ModelPort.Engines.LlamaCpp;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tasks;

/// <summary>The sample checkpoint as F32 and Q4_K_M, ported and loaded once for the tests of a class.</summary>
public sealed class SampleModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SampleModel()
    {
        Paths = Ports.Make(Repository.Sample, "F32;Q4_K_M", _folder.Path);
        Exact = LlamaModel.Load(LlamaRuntime.Load(), Paths["F32"]);
        Quantised = LlamaModel.Load(LlamaRuntime.Load(), Paths["Q4_K_M"]);
    }

    /// <summary>The files by precision.</summary>
    public IReadOnlyDictionary<string, string> Paths { get; }

    public LlamaModel Exact { get; }

    public LlamaModel Quantised { get; }

    public void Dispose()
    {
        Exact.Dispose();
        Quantised.Dispose();
        _folder.Dispose();
    }
}
