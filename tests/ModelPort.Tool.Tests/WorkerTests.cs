using System.Diagnostics;
using System.Text.Json.Nodes;

namespace ModelPort.Tool.Tests;

/// <summary>The worker, as a build starts it: a request file in, one JSON object a line out.</summary>
public sealed class WorkerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["out"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_port_is_told_in_lines_of_json_and_ends_with_its_result()
    {
        var result = await ToolProcess.Run("worker", Write(Request()));
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        var lines = Parse(result);
        Assert.Contains(lines, l => Type(l) == "message" && (string?)l["importance"] == "high" && ((string?)l["text"])!.StartsWith("wordnet-llama (", StringComparison.Ordinal));
        Assert.Equal("result", Type(lines[^1]));
        Assert.Equal(Path.Combine(Output, "modelport.json"), (string?)lines[^1]["manifest"]);
        Assert.Equal(new[] { "wordnet-llama-Q8_0.gguf", "parity.json", "parity.html" }.Select(name => Path.Combine(Output, name)), lines[^1]["outputs"]!.AsArray().Select(o => (string?)o));
        Assert.Contains(Path.Combine(Repository.Sample, "config.json"), lines[^1]["inputs"]!.AsArray().Select(o => (string?)o));
        Assert.All(lines[^1]["inputs"]!.AsArray(), i => Assert.True(File.Exists((string?)i)));
    }

    [Fact]
    public async Task The_name_of_a_request_is_the_name_of_the_port()
    {
        var request = Request();
        request["name"] = "renamed";
        request["properties"]!["Parity"] = "off";
        var result = await ToolProcess.Run("worker", Write(request));
        Assert.Equal(0, result.ExitCode);
        Assert.True(File.Exists(Path.Combine(Output, "renamed-Q8_0.gguf")));
    }

    [Fact]
    public async Task An_error_is_a_line_with_code_file_and_help()
    {
        var request = Request();
        request["source"] = _folder["nothing"];
        var result = await ToolProcess.Run("worker", Write(request));
        Assert.Equal((1, ""), (result.ExitCode, result.Errors));
        var line = Assert.Single(Parse(result));
        Assert.Equal(("diagnostic", "error", "MP1001", _folder["nothing"]), (Type(line), (string?)line["severity"], (string?)line["code"], (string?)line["file"]));
        var link = new Uri((string)line["helpLink"]!);
        Assert.Equal("#mp1001", link.Fragment);
        Assert.Contains("\n## MP1001", File.ReadAllText(link.LocalPath), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_metadata_point_at_the_project()
    {
        var request = Request();
        request["metadata"]!["Precison"] = "Q8_0";
        var result = await ToolProcess.Run("worker", Write(request));
        Assert.Equal((2, ""), (result.ExitCode, result.Errors));
        var line = Assert.Single(Parse(result));
        Assert.Equal(("MP1019", _folder["app.csproj"]), ((string?)line["code"], (string?)line["file"]));
    }

    [Fact]
    public async Task A_missed_budget_gives_no_result()
    {
        var request = Request();
        request["metadata"]!["MaxSize"] = "1";
        var result = await ToolProcess.Run("worker", Write(request));
        Assert.Equal((3, ""), (result.ExitCode, result.Errors));
        var lines = Parse(result);
        Assert.Contains(lines, l => (string?)l["code"] == "MP3001");
        Assert.DoesNotContain(lines, l => Type(l) == "result");
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{\"protocol\": 2, \"source\": \"a\", \"outputDirectory\": \"b\"}")]
    [InlineData("{\"protocol\": 1}")]
    [InlineData("{\"protocol\": 1, \"source\": 5, \"outputDirectory\": \"b\"}")]
    public async Task A_request_that_cannot_be_used_is_answered_with_exit_code_2(string text)
    {
        File.WriteAllText(_folder["request.json"], text);
        var result = await ToolProcess.Run("worker", _folder["request.json"]);
        Assert.Equal((2, ""), (result.ExitCode, result.Errors));
        var line = Assert.Single(Parse(result));
        Assert.Equal(("MP9009", _folder["request.json"]), ((string?)line["code"], (string?)line["file"]));
    }

    [Fact]
    public async Task A_missing_request_is_answered_with_exit_code_2()
    {
        var result = await ToolProcess.Run("worker", _folder["request.json"]);
        Assert.Equal((2, ""), (result.ExitCode, result.Errors));
        Assert.Equal("MP9009", (string?)Assert.Single(Parse(result))["code"]);
    }

    [Fact]
    public async Task The_worker_ends_with_its_parent()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The stand-in for a parent is a command that Windows lacks.");
        using var parent = Process.Start("sleep", "3600");
        try
        {
            using var worker = ToolProcess.Start("worker", Write(LongRequest(r => r["parentProcessId"] = parent.Id)));
            await worker.Porting(Output);
            parent.Kill();
            await Orphaned(worker);
        }
        finally
        {
            parent.Kill();
        }
    }

    [Fact]
    public async Task The_worker_ends_with_its_input_when_the_request_says_so()
    {
        using var worker = ToolProcess.Start("worker", Write(LongRequest(r => r["endWithStandardInput"] = true)));
        await worker.Porting(Output);
        worker.CloseInput();
        await Orphaned(worker);
    }

    private static async Task Orphaned(ToolProcess worker)
    {
        var result = await worker.End();
        Assert.Equal((1, ""), (result.ExitCode, result.Errors));
        Assert.Equal("MP2006", (string?)Parse(result)[^1]["code"]);
    }

    private JsonObject Request() => new()
    {
        ["protocol"] = 1,
        ["project"] = _folder["app.csproj"],
        ["item"] = "models/wordnet-llama",
        ["source"] = Repository.Sample,
        ["outputDirectory"] = Output,
        ["metadata"] = new JsonObject { ["Precision"] = "Q8_0", ["EvaluationTokens"] = "1024", ["EvaluationWindow"] = "256" },
        ["properties"] = new JsonObject { ["Threads"] = "2" },
        ["parentProcessId"] = Environment.ProcessId,
    };

    private JsonObject LongRequest(Action<JsonObject> change)
    {
        var request = Request();
        request["metadata"] = new JsonObject { ["Precision"] = "F32;Q4_K_M", ["EvaluationTokens"] = "1000000" };
        request["properties"] = new JsonObject { ["Threads"] = "1" };
        change(request);
        return request;
    }

    private string Write(JsonObject request)
    {
        File.WriteAllText(_folder["request.json"], request.ToJsonString());
        return _folder["request.json"];
    }

    private static JsonObject[] Parse(ToolResult result) => [.. result.Lines.Select(l => JsonNode.Parse(l)!.AsObject())];

    private static string? Type(JsonObject line) => (string?)line["type"];
}
