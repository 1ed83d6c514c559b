using System.Text;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Engines.LlamaCpp.Native;

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
        Assert.True(File.Exists(Path.Combine(runtime.Directory, $"libggml-cpu-{runtime.CpuBackend}.so")));
        Assert.Same(runtime, LlamaRuntime.Load());
        Assert.Same(runtime, LlamaRuntime.Load(runtime.Directory, new LlamaRuntimeOptions { CpuBackend = runtime.CpuBackend }));
    }

    [Fact]
    public void Libraries_of_every_carried_platform_lie_beside_the_assembly()
    {
        foreach (var rid in new[] { "linux-x64", "linux-arm64" })
        {
            var names = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "runtimes", rid, "native")).Select(Path.GetFileName).ToList();

            Assert.Contains("libllama.v0.5.0.so", names);
            Assert.Contains("libggml.v0.5.0.so", names);
            Assert.Contains("libggml-base.so", names);
            Assert.Contains(names, name => name!.StartsWith("libggml-cpu-", StringComparison.Ordinal));
            Assert.DoesNotContain(names, name => name!.EndsWith(".node", StringComparison.Ordinal));
        }

        Assert.Contains("ggml authors", File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "licenses", "llama.cpp.txt")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<EngineException>(() => LlamaRuntime.Load(folder["nowhere"]));

        Assert.Equal(EngineFault.LibraryMissing, error.Fault);
        Assert.StartsWith(folder["nowhere"], error.Path, StringComparison.Ordinal);
        Assert.Equal("no such folder", error.Found);
    }

    [Fact]
    public void A_missing_library_is_named()
    {
        using var folder = CopyOfLibraries();
        File.Delete(folder["libllama.v0.5.0.so"]);

        var error = Assert.Throws<EngineException>(() => LlamaRuntime.Load(folder.Path));

        Assert.Equal(EngineFault.LibraryMissing, error.Fault);
        Assert.Equal(folder["libllama.v0.5.0.so"], error.Path);
    }

    [Fact]
    public void A_second_folder_is_refused_in_the_same_process()
    {
        LlamaRuntime.Load();
        using var folder = CopyOfLibraries();

        Assert.Equal(EngineFault.AlreadyLoaded, Assert.Throws<EngineException>(() => LlamaRuntime.Load(folder.Path)).Fault);
    }

    [Fact]
    public void A_second_back_end_is_refused_in_the_same_process()
    {
        LlamaRuntime.Load();

        var error = Assert.Throws<EngineException>(() => LlamaRuntime.Load(options: new LlamaRuntimeOptions { CpuBackend = "z80" }));

        Assert.Equal(EngineFault.AlreadyLoaded, error.Fault);
    }

    [Fact]
    public void An_unknown_back_end_is_refused_with_the_names_of_those_there_are()
    {
        var runtime = LlamaRuntime.Load();

        var error = Assert.Throws<EngineException>(() => CpuBackends.Choose(runtime.Directory, LlamaPlatform.Current, "z80"));

        Assert.Equal(EngineFault.PlatformUnsupported, error.Fault);
        Assert.Contains(runtime.CpuBackend, error.Expected, StringComparison.Ordinal);
    }

    [Fact]
    public void The_chosen_back_end_is_the_one_that_a_pin_by_name_gives()
    {
        var runtime = LlamaRuntime.Load();

        Assert.Equal(runtime.CpuBackend, CpuBackends.Choose(runtime.Directory, LlamaPlatform.Current, null).Name);
        Assert.Equal(runtime.CpuBackend, CpuBackends.Choose(runtime.Directory, LlamaPlatform.Current, runtime.CpuBackend).Name);
    }

    [Theory]
    [InlineData("libggml-base.so")]
    [InlineData("libggml.v0.5.0.so")]
    [InlineData("libllama.v0.5.0.so")]
    public void A_text_file_in_place_of_a_library_is_refused(string name)
    {
        using var folder = CopyOfLibraries();
        File.WriteAllText(folder[name], "version https://git-lfs.github.com/spec/v1\n");

        var error = Assert.Throws<EngineException>(() => LlamaLibraries.Open(folder.Path, LlamaPlatform.Current));

        Assert.Equal(EngineFault.LibraryWrong, error.Fault);
        Assert.Equal(folder[name], error.Path);
        Assert.NotNull(error.InnerException);
    }

    [Theory]
    [InlineData("libggml-base.so", "0ad4a86", "0ad4a87", "ggml_commit")]
    [InlineData("libggml-base.so", "0.25.1", "0.25.2", "ggml_version")]
    [InlineData("libllama.v0.5.0.so", "0.5.0-dev", "0.5.1-dev", "llama_version")]
    public void A_library_of_another_version_is_refused(string name, string own, string other, string function)
    {
        LlamaRuntime.Load();
        using var folder = CopyOfLibraries();
        Replace(folder[name], own, other);

        var error = Assert.Throws<EngineException>(() => LlamaLibraries.Open(folder.Path, LlamaPlatform.Current));

        Assert.Equal(EngineFault.LibraryWrong, error.Fault);
        Assert.Equal(folder[name], error.Path);
        Assert.Equal($"{function} is '{other}'", error.Found);
    }

    [Fact]
    public void A_library_that_binds_to_another_ggml_is_refused()
    {
        LlamaRuntime.Load();
        using var folder = CopyOfLibraries();

        // The system's loader gives the copy the ggml that this process holds already.
        var error = Assert.Throws<EngineException>(() => LlamaLibraries.Open(folder.Path, LlamaPlatform.Current));

        Assert.Equal(EngineFault.LibraryWrong, error.Fault);
        Assert.Contains("another folder", error.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void The_message_says_where_what_was_found_what_was_expected_and_what_to_do()
    {
        var error = new EngineException(EngineFault.ModelRefused, "a.gguf", "it is empty", "a model", "Port it again.", ["bad magic"]);

        Assert.Equal("a.gguf: it is empty; expected a model. Port it again. The engine said: bad magic", error.Message);
    }

    private static TemporaryFolder CopyOfLibraries()
    {
        var folder = new TemporaryFolder();
        foreach (var name in new[] { "libggml-base.so", "libggml.v0.5.0.so", "libllama.v0.5.0.so" })
        {
            File.Copy(Path.Combine(AppContext.BaseDirectory, "runtimes", LlamaPlatform.Current.Rid, "native", name), folder[name]);
        }

        return folder;
    }

    private static void Replace(string path, string own, string other)
    {
        var bytes = File.ReadAllBytes(path);
        var (find, put) = (Encoding.ASCII.GetBytes(own + "\0"), Encoding.ASCII.GetBytes(other));
        var at = bytes.AsSpan().IndexOf(find);
        Assert.True(at >= 0);
        put.CopyTo(bytes, at);
        File.WriteAllBytes(path, bytes);
    }
}
