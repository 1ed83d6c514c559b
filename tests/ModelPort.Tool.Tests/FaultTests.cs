using System.Diagnostics;

namespace ModelPort.Tool.Tests;

/// <summary>Disks, folders and files that do not do as they should, under the real tool: one coded error that names the file, and no output; or a port as good as any.</summary>
public sealed class FaultTests : IDisposable
{
    private const string Odd = "a b @ %41 % ; ä 漢字 🦙 'q' (x)";
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["out"];

    // One thread, and types that take long: long enough for something to happen in the middle.
    private string[] LongPort => ["port", Source, "--precision", "Q8_0;IQ4_NL;Q4_K_M", "--parity", "off", "--threads", "1", "--output", Output];

    private string Source => _folder["model"];

    private string Weights => Path.Combine(Source, "model.safetensors");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_source_that_is_truncated_while_it_is_read_is_an_error()
    {
        CopySource(Source);
        await Meddle(() =>
        {
            using var file = File.OpenHandle(Weights, FileMode.Open, FileAccess.Write);
            RandomAccess.SetLength(file, 4_000_000);
        }, "MP1004", "MP1023");
    }

    [Fact]
    public async Task A_source_that_is_written_while_it_is_read_is_an_error()
    {
        CopySource(Source);
        await Meddle(Overwrite, "MP1023");
    }

    [Fact]
    public async Task A_source_that_is_written_and_given_its_old_time_is_an_error_all_the_same()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows lets nobody write an open file.");
        CopySource(Source);
        var time = File.GetLastWriteTimeUtc(Weights);
        await Meddle(() =>
        {
            Overwrite();
            File.SetLastWriteTimeUtc(Weights, time);
        }, "MP1023");
    }

    [Fact]
    public async Task A_source_that_is_replaced_while_it_is_read_is_an_error()
    {
        CopySource(Source);
        var time = File.GetLastWriteTimeUtc(Weights);
        await Meddle(() =>
        {
            File.Copy(Weights, Weights + ".new");
            File.SetLastWriteTimeUtc(Weights + ".new", time);
            File.Move(Weights + ".new", Weights, overwrite: true);
        }, "MP1023");
    }

    [Fact]
    public async Task An_output_folder_that_vanishes_is_an_error()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows lets nobody delete an open file.");
        CopySource(Source);
        using var tool = ToolProcess.Start(LongPort);
        await tool.Porting(Output);
        Directory.Delete(Output, recursive: true);
        var result = await tool.End();
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains(": error MP2001: ", result.Errors, StringComparison.Ordinal);
        // Files that were begun after it was gone made it again.
        Assert.Empty(Directory.Exists(Output) ? Files() : []);
    }

    [Fact]
    public async Task A_disk_that_fills_up_in_the_middle_is_said_and_nothing_is_left()
    {
        // Room for the port and for the source as GGUF, and none for the source's logits.
        var result = await OnSmallDisk("size=13m", "", "--evaluation-tokens", "8192", "--threads", "1");
        Assert.Equal(1, result.ExitCode);
        Assert.Matches("^[^\n]*-source-logits.safetensors: error MP2002: ", result.Errors);
        Assert.Equal([".modelport.lock"], result.Lines);
    }

    [Fact]
    public async Task A_file_that_may_not_grow_so_large_is_said_and_nothing_is_left()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limit is set with a shell.");
        // The runtime's own code would be in a file that is larger.
        var start = new ProcessStartInfo("sh", ["-c", "export DOTNET_EnableWriteXorExecute=0; trap '' XFSZ; ulimit -f 4000; exec \"$@\"", "sh", "dotnet", ToolProcess.Program, "port", Repository.Sample, "--precision", "Q8_0", "--parity", "off", "--output", Output]);
        var result = await ToolProcess.Run(start);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("wordnet-llama-Q8_0.gguf: error MP2002: ", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".modelport.lock"], Files());
    }

    [Fact]
    public async Task An_output_on_a_disk_that_may_not_be_written_is_an_error()
    {
        var result = await OnSmallDisk("size=13m", "mkdir \"$1/out\"; mount -o remount,ro \"$1\";", "--parity", "off");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("/out: error MP2001: ", result.Errors, StringComparison.Ordinal);
        Assert.Empty(result.Lines);
    }

    [Fact]
    public async Task A_source_that_may_not_be_read_is_an_error()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Permissions are taken away with Linux' own commands.");
        CopySource(Source);
        Permit(Weights, "000");
        var result = await AsOrdinaryUser("port", Source, "--precision", "Q8_0", "--parity", "off", "--output", Output);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{Weights}: error MP1003: ", result.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public async Task An_output_folder_that_may_not_be_written_is_an_error()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Permissions are taken away with Linux' own commands.");
        Directory.CreateDirectory(Output);
        Permit(Output, "500");
        var result = await AsOrdinaryUser("port", Repository.Sample, "--precision", "Q8_0", "--parity", "off", "--output", Output);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{Output}: error MP2001: ", result.Errors, StringComparison.Ordinal);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task A_source_from_the_future_is_ported_once()
    {
        CopySource(Source);
        foreach (var file in Directory.GetFiles(Source))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddYears(1));
        }

        string[] port = ["port", Source, "--precision", "Q8_0", "--parity", "off", "--output", Output];
        Assert.Contains("written to", (await ToolProcess.Run(port)).Output, StringComparison.Ordinal);
        Assert.Contains("nothing to do", (await ToolProcess.Run(port)).Output, StringComparison.Ordinal);
        // The clock is set back, and the file is written by its new time: older than what was made of it.
        Overwrite();
        File.SetLastWriteTimeUtc(Weights, DateTime.UtcNow.AddYears(-1));
        Assert.Contains("written to", (await ToolProcess.Run(port)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Paths_with_every_odd_character_are_ported_and_measured()
    {
        var source = _folder[Odd];
        CopySource(source);
        var result = await ToolProcess.Run(["port", source, "--precision", "Q8_0", "--output", _folder["out " + Odd], .. ToolProcess.Quick]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.True(File.Exists(Path.Combine(_folder["out " + Odd], Odd + "-Q8_0.gguf")));
    }

    [Fact]
    public async Task Paths_of_250_characters_are_ported_and_measured()
    {
        var name = "model";
        var source = Long(_folder["s"], name);
        var output = Long(_folder["o"], "out");
        CopySource(source);
        var result = await ToolProcess.Run(["port", source, "--precision", "Q8_0", "--output", output, .. ToolProcess.Quick]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.True(File.Exists(Path.Combine(output, $"{name}-Q8_0.gguf")));
    }

    private static string Long(string folder, string name) =>
        Path.Combine(folder, new string('d', 250 - folder.Length - name.Length - 2), name) is { Length: 250 } path ? path : throw new InvalidOperationException();

    private async Task Meddle(Action change, params string[] codes)
    {
        using var tool = ToolProcess.Start(LongPort);
        await tool.Porting(Output);
        change();
        var result = await tool.End();
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains(codes, code => result.Errors.StartsWith($"{Weights}: error {code}: ", StringComparison.Ordinal));
        Assert.Equal([".modelport.lock"], Files());
    }

    private void Overwrite()
    {
        using var file = File.OpenHandle(Weights, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, new byte[64], 6_000_000);
    }

    private static void CopySource(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(Repository.Sample))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }

    private async Task<ToolResult> OnSmallDisk(string options, string before, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A small disk is mounted with Linux' own commands.");
        Directory.CreateDirectory(_folder["disk"]);
        // The mount is seen by this command alone, and gone with it.
        var result = await ToolProcess.Mounting(
            $"disk=$1; tool=$2; source=$3; mount -t tmpfs -o {options} modelport-test \"$disk\" || exit 99; {before} shift 3; dotnet \"$tool\" port \"$source\" --precision Q8_0 --output \"$disk/out\" \"$@\"; code=$?; ls -A \"$disk/out\"; exit $code",
            [_folder["disk"], ToolProcess.Program, Repository.Sample, .. arguments]);
        Assert.SkipWhen(result.ExitCode is 99 or 126 or 127 || result.Errors.Contains("unshare", StringComparison.Ordinal), "This user may not mount a small disk.");
        return result;
    }

    // The superuser may read and write everything until that is taken from him.
    private static Task<ToolResult> AsOrdinaryUser(params string[] arguments) => ToolProcess.Run(Environment.IsPrivilegedProcess
        ? new ProcessStartInfo("setpriv", ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search", "dotnet", ToolProcess.Program, .. arguments])
        : new ProcessStartInfo("dotnet", [ToolProcess.Program, .. arguments]));

    private static void Permit(string path, string mode)
    {
        using var chmod = Process.Start("chmod", [mode, path]);
        chmod.WaitForExit();
    }

    private IEnumerable<string?> Files() => Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
