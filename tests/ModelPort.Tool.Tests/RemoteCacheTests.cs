using System.Text.Json.Nodes;

namespace ModelPort.Tool.Tests;

/// <summary>Two machines, each with a cache of its own, and one that they share.</summary>
public sealed class RemoteCacheTests : IDisposable
{
    private const string Secret = "s3cret-word";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_one_machine_ported_and_measured_another_fetches()
    {
        Directory.CreateDirectory(_folder["shared"]);
        var first = await Worker("first", r => { });
        Assert.Equal(0, first.ExitCode);
        var second = await Worker("second", r => { });
        Assert.Equal(0, second.ExitCode);
        Assert.Contains("from the remote cache", second.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"stage\":\"port\"", second.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"stage\":\"parity\"", second.Output, StringComparison.Ordinal);
        foreach (var name in new[] { "wordnet-llama-Q8_0.gguf", "modelport.json", "parity.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["first"], name)), File.ReadAllBytes(Path.Combine(_folder["second"], name)));
        }
    }

    [Fact]
    public async Task What_is_only_read_is_not_written()
    {
        Directory.CreateDirectory(_folder["shared"]);
        var result = await Worker("first", r => r["properties"]!["RemoteCacheReadOnly"] = "true");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["shared"]));
    }

    [Fact]
    public async Task Objects_that_were_damaged_there_are_made_again_and_replaced()
    {
        Directory.CreateDirectory(_folder["shared"]);
        await Worker("first", r => { });
        foreach (var file in Directory.GetFiles(Path.Combine(_folder["shared"], "cas")))
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Write);
            RandomAccess.Write(handle, "damage"u8, RandomAccess.GetLength(handle) / 2);
        }

        var second = await Worker("second", r => { });
        Assert.Equal(0, second.ExitCode);
        Assert.Contains("MP2061", second.Output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["first"], "wordnet-llama-Q8_0.gguf")), File.ReadAllBytes(Path.Combine(_folder["second"], "wordnet-llama-Q8_0.gguf")));
        var third = await Worker("third", r => { });
        Assert.DoesNotContain("MP2061", third.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"stage\":\"port\"", third.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dead_server_is_one_warning_and_the_port_is_whole()
    {
        var result = await ToolProcess.RunWith(
            "MODELPORT_REMOTE_CACHE_TOKEN", Secret,
            "port", Repository.Sample, "--precision", "Q8_0", "--output", _folder["out"], "--parity", "off", "--cache", _folder["cache"], "--remote-cache", "http://127.0.0.1:9");
        Assert.Equal(0, result.ExitCode);
        Assert.Single(result.Errors.Split('\n'), l => l.StartsWith("http://127.0.0.1:9/: warning MP2060: ", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(_folder["out"], "wordnet-llama-Q8_0.gguf")));
        Assert.DoesNotContain(Secret, result.Output + result.Errors + File.ReadAllText(Path.Combine(_folder["out"], "modelport.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_with_a_password_is_refused_without_being_repeated()
    {
        var result = await ToolProcess.Run("port", Repository.Sample, "--output", _folder["out"], "--remote-cache", $"https://me:{Secret}@cache.example.com/");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains("error MP1044: ", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, result.Errors, StringComparison.Ordinal);
    }

    private Task<ToolResult> Worker(string machine, Action<JsonObject> change)
    {
        var request = new JsonObject
        {
            ["protocol"] = 1,
            ["project"] = _folder["app.csproj"],
            ["source"] = Repository.Sample,
            ["outputDirectory"] = _folder[machine],
            ["metadata"] = new JsonObject { ["Precision"] = "Q8_0", ["EvaluationTokens"] = "1024", ["EvaluationWindow"] = "256" },
            ["properties"] = new JsonObject { ["Threads"] = "1", ["CacheDirectory"] = _folder["cache of " + machine], ["RemoteCache"] = "shared" },
        };
        change(request);
        File.WriteAllText(_folder["request.json"], request.ToJsonString());
        return ToolProcess.Run("worker", _folder["request.json"]);
    }
}
