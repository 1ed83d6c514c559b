using ModelPort.Formats.Gguf;

namespace ModelPort.Tool.Tests;

/// <summary>What goes wrong outside the model: one coded line that names the file, exit code 1, no output.</summary>
public sealed class FailureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_missing_model_is_one_line_and_exit_code_1()
    {
        var result = await ToolProcess.Run("port", _folder["nothing"], "--output", _folder["out"]);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{_folder["nothing"]}: error MP1001: ", result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public async Task A_file_that_is_no_GGUF_is_refused()
    {
        File.WriteAllText(_folder["port.gguf"], "no model");
        var result = await ToolProcess.Run("inspect", _folder["port.gguf"]);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{_folder["port.gguf"]}: error MP1005: ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_GGUF_without_tensors_can_be_inspected()
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", "llama");
        using (var file = File.Create(_folder["vocabulary.gguf"]))
        {
            GgufLayout.Create(metadata, []).WriteHeader(file);
        }

        var result = await ToolProcess.Run("inspect", _folder["vocabulary.gguf"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("0 tensors", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_native_library_is_named()
    {
        Directory.CreateDirectory(_folder["native"]);
        await RefusesNative("MP9001", Path.Combine(_folder["native"], Library("ggml-base")));
    }

    [Fact]
    public async Task A_native_library_that_is_none_is_named()
    {
        Directory.CreateDirectory(_folder["native"]);
        foreach (var name in new[] { "ggml-base", "ggml.v0.5.0", "llama.v0.5.0" })
        {
            File.WriteAllText(Path.Combine(_folder["native"], Library(name)), "no library");
        }

        await RefusesNative("MP9002", Path.Combine(_folder["native"], Library("ggml-base")));
    }

    [Fact]
    public async Task A_full_disk_is_said_with_the_bytes_needed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux mounts a small disk in memory.");
        var output = _folder["disk"];
        Directory.CreateDirectory(output);
        // The mount is seen by this command alone, and gone with it.
        var result = await ToolProcess.Mounting(
            "mount -t tmpfs -o size=1m modelport-test \"$1\" || exit 99; \"$2\" \"$3\" port \"$4\" --precision Q8_0 --output \"$1/out\" --parity off; code=$?; ls -A \"$1/out\"; exit $code",
            output, "dotnet", ToolProcess.Program, Repository.Sample);
        Assert.SkipWhen(result.ExitCode is 99 or 126 or 127 || result.Errors.Contains("unshare", StringComparison.Ordinal), "This user may not mount a small disk.");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith(Path.Combine(output, "out", "wordnet-llama-Q8_0.gguf") + ": error MP2002: ", result.Errors, StringComparison.Ordinal);
        Assert.Contains("3.97 MB", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".modelport.lock"], result.Lines);
    }

    private async Task RefusesNative(string code, string file)
    {
        var result = await ToolProcess.RunWith("MODELPORT_NATIVE_DIRECTORY", _folder["native"], "port", Repository.Sample, "--precision", "Q8_0", "--output", _folder["out"]);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{file}: error {code}: ", result.Errors, StringComparison.Ordinal);
        Assert.Contains("MODELPORT_NATIVE_DIRECTORY", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".modelport.lock"], Directory.GetFileSystemEntries(_folder["out"]).Select(Path.GetFileName));
    }

    private static string Library(string name) =>
        OperatingSystem.IsWindows() ? name + ".dll" : "lib" + name + (OperatingSystem.IsMacOS() ? ".dylib" : ".so");
}
