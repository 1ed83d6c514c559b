using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Engines.Tests;

public class LlamaRuntimeTests
{
    [Fact]
    public void The_pinned_release_loads_and_names_itself()
    {
        var runtime = LlamaRuntime.Load();

        Assert.Equal("0.5.0", runtime.Version);
        Assert.Equal("0.25.1", runtime.GgmlVersion);
        Assert.Equal("0ad4a86", runtime.Commit);
        Assert.NotEmpty(runtime.CpuBackend);
        Assert.Contains(Path.Combine("runtimes", ""), runtime.Directory, StringComparison.Ordinal);
        Assert.Same(runtime, LlamaRuntime.Load());
    }
}
