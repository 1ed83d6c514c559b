using System.Text.Json.Nodes;

namespace ModelPort.Tool.Tests;

/// <summary>The cache as builds and people use it: processes of their own, one folder.</summary>
public sealed class CacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Cache => _folder["cache"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Eight_builds_at_once_make_one_port_and_eight_correct_outputs()
    {
        var tools = Enumerable.Range(0, 8).Select(i => ToolProcess.Start("worker", Request(i))).ToArray();
        var results = new List<ToolResult>();
        foreach (var tool in tools)
        {
            using (tool)
            {
                results.Add(await tool.End());
            }
        }

        Assert.All(results, r => Assert.Equal((0, ""), (r.ExitCode, r.Errors)));
        Assert.All(results, r => Assert.Equal("result", (string?)Lines(r)[^1]["type"]));
        Assert.Equal(7, results.Count(r => Says(r, "taken from the cache")));
        Assert.Contains(results, r => Says(r, "Waiting for another build that makes "));
        var ports = Enumerable.Range(0, 8).Select(i => File.ReadAllBytes(Path.Combine(_folder[$"out{i}"], "wordnet-llama-Q4_0.gguf"))).ToArray();
        Assert.All(ports, p => Assert.Equal(ports[0], p));
        Assert.DoesNotContain(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories), f => f.EndsWith("-tmp", StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.Combine(Cache, "tmp")));
    }

    [Fact]
    public async Task The_lock_of_a_killed_build_is_taken_over_and_its_litter_removed()
    {
        using (var killed = ToolProcess.Start("port", Repository.Sample, "--precision", "Q4_0", "--output", _folder["out"], "--threads", "1", "--evaluation-tokens", "1000000", "--cache", Cache))
        {
            await killed.Porting(_folder["out"]);
            killed.Kill();
            await killed.End();
        }

        var next = await Port("out", "Q4_0");
        Whole(next);
        Assert.Equal([".modelport.lock", "modelport.json", "wordnet-llama-Q4_0.gguf"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.Combine(Cache, "tmp")));
        Assert.Empty(Directory.GetFiles(Path.Combine(Cache, "locks"), "run-*"));
    }

    [Fact]
    public async Task Who_waits_for_a_build_that_is_killed_does_the_work_itself()
    {
        string[] Long(string output) => ["port", Repository.Sample, "--precision", "Q4_0", "--output", _folder[output], "--threads", "1", "--cache", Cache];
        using var first = ToolProcess.Start([.. Long("first"), "--evaluation-tokens", "1000000"]);
        await first.Porting(_folder["first"]);
        using var second = ToolProcess.Start([.. Long("second"), "--parity", "off"]);
        await Task.Delay(1500, TestContext.Current.CancellationToken);
        first.Kill();
        await first.End();
        Whole(await second.End());
        Assert.True(File.Exists(Path.Combine(_folder["second"], "wordnet-llama-Q4_0.gguf")));
    }

    [Fact]
    public async Task Whenever_a_build_is_killed_the_cache_is_whole_and_so_is_what_comes_from_it()
    {
        var random = new Random(5);
        byte[]? expected = null;
        for (var kill = 0; kill < 6; kill++)
        {
            string[] port = ["port", Repository.Sample, "--precision", "Q8_0;F16", "--output", _folder[$"out{kill}"], "--parity", "off", "--cache", Cache];
            using (var killed = ToolProcess.Start(port))
            {
                await Task.Delay(random.Next(300, 1500), TestContext.Current.CancellationToken);
                killed.Kill();
                await killed.End();
            }

            Assert.Equal(0, (await Run("verify")).ExitCode);
            Whole(await ToolProcess.Run(port));
            var bytes = File.ReadAllBytes(Path.Combine(_folder[$"out{kill}"], "wordnet-llama-F16.gguf"));
            Assert.Equal(expected ??= bytes, bytes);
            Assert.Equal(4, Directory.GetFiles(_folder[$"out{kill}"]).Length);
            if (kill % 2 == 0)
            {
                await Run("clear");
            }
        }

        Assert.Empty(Directory.GetFiles(Path.Combine(Cache, "tmp")));
    }

    [Fact]
    public async Task The_cache_is_listed_verified_pruned_and_cleared()
    {
        await Port("out", "Q8_0");
        var list = await Run("list");
        Assert.Equal((0, ""), (list.ExitCode, list.Errors));
        Assert.Contains("wordnet-llama-Q8_0.gguf", list.Output, StringComparison.Ordinal);
        Assert.Contains($" in {Cache}", list.Lines[^1], StringComparison.Ordinal);
        var entries = JsonNode.Parse((await Run("list", "--format", "json")).Output)!["entries"]!.AsArray();
        Assert.Equal(["port", "source", "tensor data"], entries.Select(e => (string?)e!["stage"]).Order(StringComparer.Ordinal));

        Assert.Equal(0, (await Run("verify")).ExitCode);
        var victim = Directory.GetFiles(Path.Combine(Cache, "cas"), "*", SearchOption.AllDirectories).Single();
        File.Delete(victim);
        File.WriteAllText(victim, "not this");
        var verify = await Run("verify");
        Assert.Equal(1, verify.ExitCode);
        Assert.StartsWith($"{victim}: warning MP2041: ", verify.Errors, StringComparison.Ordinal);

        Assert.Contains("removed 0 entries", (await Run("prune", "--older-than", "1d")).Output, StringComparison.Ordinal);
        Assert.Contains("removed 3 entries", (await Run("prune", "--max-size", "100")).Output, StringComparison.Ordinal);
        Assert.Contains("0 bytes are left", (await Run("clear")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MP1020", "prune", "--older-than", "soon")]
    [InlineData("MP1020", "prune", "--max-size", "much")]
    [InlineData("MP1020", "list", "--cache", "none")]
    public async Task An_option_that_means_nothing_is_refused(string code, string verb, params string[] options)
    {
        var result = await ToolProcess.Run(["cache", verb, .. options]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"error {code}: ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_without_room_is_one_warning_and_the_port_is_whole()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A small disk is mounted with Linux' own commands.");
        Directory.CreateDirectory(Cache);
        var result = await ToolProcess.Mounting(
            "mount -t tmpfs -o size=1m modelport-test \"$1\" || exit 99; \"$2\" \"$3\" port \"$4\" --precision Q8_0 --output \"$5\" --parity off --cache \"$1\"",
            Cache, "dotnet", ToolProcess.Program, Repository.Sample, _folder["out"]);
        Assert.SkipWhen(result.ExitCode is 99 or 126 or 127 || result.Errors.Contains("unshare", StringComparison.Ordinal), "This user may not mount a small disk.");
        Assert.Equal(0, result.ExitCode);
        Assert.InRange(new FileInfo(Path.Combine(_folder["out"], "wordnet-llama-Q8_0.gguf")).Length, 3_900_000, 4_100_000);
        Assert.Single(result.Errors.Split('\n'), l => l.Contains("warning MP2040: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cache_that_nobody_may_write_is_one_warning_and_the_port_is_whole()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs Linux: /proc takes no folders, not even from the superuser.");
        var result = await ToolProcess.Run("port", Repository.Sample, "--precision", "Q8_0", "--output", _folder["out"], "--parity", "off", "--cache", "/proc/modelport");
        Assert.Equal(0, result.ExitCode);
        Assert.Single(result.Errors.Split('\n'), l => l.StartsWith("/proc/modelport: warning MP2040: ", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(_folder["out"], "wordnet-llama-Q8_0.gguf")));
    }

    [Fact]
    public async Task A_plan_says_what_would_be_done_again_and_why()
    {
        await Port("out", "Q8_0");
        Task<ToolResult> Plan(string precision, params string[] more) => ToolProcess.Run(["plan", Repository.Sample, "--precision", precision, "--parity", "off", "--cache", Cache, "--why", _folder["out"], .. more]);
        Assert.Equal("up to date", (await Plan("Q8_0")).Lines[0]);
        Assert.Equal("ported again because Precision changed: Q8_0 -> Q4_0", (await Plan("Q4_0")).Lines[0]);
        Assert.Equal("ported again because Precision changed: Q8_0 -> F16", (string?)JsonNode.Parse((await Plan("F16", "--format", "json")).Output)!["why"]![0]);
        File.AppendAllText(Path.Combine(_folder["out"], "modelport.json"), "x");
        Assert.Equal($"ported because {_folder["out"]} holds no port", (await Plan("Q8_0")).Lines[0]);
    }

    [Fact]
    public async Task A_build_says_at_its_details_why_it_ported_again()
    {
        await ToolProcess.Run("worker", Request(0));
        var again = await ToolProcess.Run("worker", Request(0, "Q8_0"));
        Assert.True(Says(again, "wordnet-llama: ported again because Precision changed: Q4_0 -> Q8_0"));
    }

    [Fact]
    public async Task Folders_with_every_odd_character_serve_as_caches()
    {
        var odd = _folder["c @%41;ä 漢 🐢 '" + new string('x', 180)];
        for (var i = 0; i < 2; i++)
        {
            var result = await ToolProcess.Run("port", Repository.Sample, "--precision", "Q8_0", "--output", _folder[$"out{i}"], "--parity", "off", "--cache", odd);
            Whole(result);
        }

        Assert.NotEmpty(Directory.GetFiles(Path.Combine(odd, "cas"), "*", SearchOption.AllDirectories));
    }

    // Nothing is said but that nobody measured.
    private static void Whole(ToolResult result)
    {
        Assert.Equal(0, result.ExitCode);
        Assert.All(result.Errors.TrimEnd().Split('\n'), line => Assert.Contains("warning MP3006: ", line, StringComparison.Ordinal));
    }

    private static JsonNode[] Lines(ToolResult result) => [.. result.Lines.Select(l => JsonNode.Parse(l)!)];

    private static bool Says(ToolResult result, string text) => Lines(result).Any(l => ((string?)l["text"])?.Contains(text, StringComparison.Ordinal) == true);

    private Task<ToolResult> Port(string output, string precision) =>
        ToolProcess.Run("port", Repository.Sample, "--precision", precision, "--output", _folder[output], "--parity", "off", "--cache", Cache);

    private Task<ToolResult> Run(string verb, params string[] options) => ToolProcess.Run(["cache", verb, "--cache", Cache, .. options]);

    private string Request(int number, string precision = "Q4_0")
    {
        var path = _folder[$"{number}{precision}.json"];
        File.WriteAllText(path, new JsonObject
        {
            ["protocol"] = 1,
            ["source"] = Repository.Sample,
            ["outputDirectory"] = _folder[$"out{number}"],
            ["metadata"] = new JsonObject { ["Precision"] = precision },
            ["properties"] = new JsonObject { ["Parity"] = "off", ["Threads"] = "1", ["CacheDirectory"] = Cache },
        }.ToJsonString());
        return path;
    }
}
