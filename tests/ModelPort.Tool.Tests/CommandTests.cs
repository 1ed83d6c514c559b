using System.Text.Json;

namespace ModelPort.Tool.Tests;

/// <summary>inspect, plan, port and validate as a person or a script runs them.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "port")]
    [InlineData("inspect", "--format")]
    [InlineData("plan", "--precision")]
    [InlineData("port", "--output")]
    [InlineData("validate", "--source")]
    public async Task Help_lists_what_there_is(string command, string mentioned)
    {
        var result = await ToolProcess.Run([.. command.Length == 0 ? Array.Empty<string>() : [command], "--help"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains(mentioned, result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("port", "samples")]
    [InlineData("plan")]
    [InlineData("inspect", "samples", "--format", "xml")]
    [InlineData("plan", "samples", "--precison", "Q8_0")]
    public async Task A_command_line_that_means_nothing_is_answered_with_exit_code_2(params string[] arguments)
    {
        var result = await ToolProcess.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.NotEqual("", result.Errors);
    }

    [Theory]
    [InlineData("MP1018", "--precision", "Q4_K_X")]
    [InlineData("MP1019", "--budget", "MaxPerplexity=2")]
    [InlineData("MP1019", "--budget", "Precision=Q8_0")]
    [InlineData("MP1020", "--budget", "MaxSize")]
    [InlineData("MP1020", "--threads", "none")]
    [InlineData("MP1020", "--memory-budget", "1 heap")]
    public async Task An_option_that_means_nothing_is_answered_with_its_code_and_exit_code_2(string code, string option, string value)
    {
        var result = await ToolProcess.Run("plan", Repository.Sample, option, value);
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"modelport: error {code}: ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_shows_a_checkpoint_as_text()
    {
        var result = await ToolProcess.Run("inspect", Repository.Sample);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("LlamaForCausalLM", result.Output, StringComparison.Ordinal);
        Assert.Contains("model.embed_tokens.weight", result.Output, StringComparison.Ordinal);
        Assert.Contains("[2048, 256]", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_shows_a_checkpoint_as_json()
    {
        var result = await ToolProcess.Run("inspect", Repository.Sample, "--format", "json");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        using var json = JsonDocument.Parse(result.Output);
        Assert.Equal("LlamaForCausalLM", json.RootElement.GetProperty("architecture").GetString());
        Assert.Equal(new FileInfo(Path.Combine(Repository.Sample, "model.safetensors")).Length, json.RootElement.GetProperty("bytes").GetInt64());
        var embedding = Assert.Single(json.RootElement.GetProperty("tensors").EnumerateArray(), t => t.GetProperty("name").GetString() == "model.embed_tokens.weight");
        Assert.Equal([2048, 256], embedding.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
    }

    [Fact]
    public async Task Plan_shows_every_tensor_and_writes_nothing()
    {
        var text = await ToolProcess.Run("plan", Repository.Sample, "--precision", "Q4_K_M;Q8_0");
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Contains("wordnet-llama-Q4_K_M.gguf", text.Output, StringComparison.Ordinal);

        var json = await ToolProcess.Run("plan", Repository.Sample, "--precision", "Q4_K_M;Q8_0", "--format", "json");
        using var plan = JsonDocument.Parse(json.Output);
        var outputs = plan.RootElement.GetProperty("outputs").EnumerateArray().ToArray();
        Assert.Equal(["Q4_K_M", "Q8_0"], outputs.Select(o => o.GetProperty("precision").GetString()));
        Assert.All(outputs, o => Assert.Equal(
            plan.RootElement.GetProperty("tensors").GetArrayLength(),
            o.GetProperty("tensorTypes").EnumerateObject().Sum(t => t.Value.GetInt32())));
        Assert.False(File.Exists("wordnet-llama-Q8_0.gguf"));
    }

    [Fact]
    public async Task Plan_shows_the_files_that_a_port_is_cut_into_and_inspect_reads_them_as_one()
    {
        string[] split = [Repository.Sample, "--precision", "Q8_0", "--split-max-size", "1MB"];
        var text = await ToolProcess.Run(["plan", .. split]);
        Assert.Contains("-> 5 files: ", text.Output, StringComparison.Ordinal);
        Assert.Contains("   wordnet-llama-Q8_0-00005-of-00005.gguf: ", text.Output, StringComparison.Ordinal);
        using var plan = JsonDocument.Parse((await ToolProcess.Run(["plan", .. split, "--format", "json"])).Output);
        var output = plan.RootElement.GetProperty("outputs")[0];
        Assert.Equal(output.GetProperty("bytes").GetInt64(), output.GetProperty("files").EnumerateArray().Sum(f => f.GetProperty("bytes").GetInt64()));

        Assert.Equal(0, (await ToolProcess.Run(["port", .. split, "--output", _folder["out"], "--parity", "off"])).ExitCode);
        var inspected = await ToolProcess.Run("inspect", _folder["out/wordnet-llama-Q8_0-00002-of-00005.gguf"]);
        Assert.Contains("38 tensors", inspected.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("split.", inspected.Output, StringComparison.Ordinal);
        Assert.Equal("MP2010", (await ToolProcess.Run(["plan", Repository.Sample, "--split-max-size", "100KB"])).Errors.Split(": error ")[1][..6]);
    }

    [Fact]
    public async Task Plan_says_what_will_weigh_the_columns()
    {
        var calibration = Path.Combine(Repository.Root, "samples", "data", "calibration.txt");
        var text = await ToolProcess.Run("plan", Repository.Sample, "--precision", "IQ3_XXS", "--calibration", calibration, "--calibration-tokens", "4096");
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Contains("importance: to be computed from calibration.txt, at most 4096 tokens", text.Output, StringComparison.Ordinal);

        string[] port = ["port", Repository.Sample, "--precision", "Q4_0", "--calibration", calibration, "--calibration-tokens", "1024", "--parity", "off", "--threads", "1"];
        Assert.Equal(0, (await ToolProcess.Run([.. port, "--output", _folder["out"]])).ExitCode);
        string[] given = ["plan", Repository.Sample, "--precision", "Q4_0", "--calibration", _folder["out/wordnet-llama.imatrix.gguf"]];
        Assert.Contains("importance: wordnet-llama.imatrix.gguf, of 2 chunks; 28 weights, each used 1024 times or more", (await ToolProcess.Run(given)).Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse((await ToolProcess.Run([.. given, "--format", "json"])).Output);
        Assert.Equal(28, json.RootElement.GetProperty("calibration").GetProperty("coverage").GetArrayLength());
    }

    [Fact]
    public async Task Plan_chooses_types_for_a_size()
    {
        var model = Path.Combine(Repository.Sample, "..", "..", "..", "tests", "Fixtures", "models", "llama3-rope");
        string[] arguments = ["plan", model, "--budget", "MaxSize=0.6", "--tensor-precision", "attn_v=Q8_0", "--threads", "1"];
        var text = await ToolProcess.Run(arguments);
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Contains("llama3-rope-Auto.gguf", text.Output, StringComparison.Ordinal);
        Assert.Contains("types chosen for 600 KB: expected divergence ", text.Output, StringComparison.Ordinal);
        Assert.Contains("by TensorPrecision attn_v=Q8_0, ", text.Output, StringComparison.Ordinal);

        var json = await ToolProcess.Run([.. arguments, "--format", "json"]);
        using var plan = JsonDocument.Parse(json.Output);
        var output = Assert.Single(plan.RootElement.GetProperty("outputs").EnumerateArray());
        Assert.Equal(600_000, output.GetProperty("mix").GetProperty("limitBytes").GetInt64());
        Assert.InRange(output.GetProperty("bytes").GetInt64(), 500_000, 600_000);
        var tensors = plan.RootElement.GetProperty("tensors").EnumerateArray().ToArray();
        Assert.Equal("size", tensors.First(t => t.GetProperty("name").GetString() == "blk.0.ffn_up.weight").GetProperty("choices").GetProperty("Auto").GetProperty("why").GetString());
    }

    [Fact]
    public async Task Port_writes_file_and_manifest_and_the_second_time_does_nothing()
    {
        var output = _folder["out"];
        string[] port = ["port", Repository.Sample, "--precision", "Q8_0", "--output", output, .. ToolProcess.Quick];
        var first = await ToolProcess.Run(port);
        Assert.Equal((0, ""), (first.ExitCode, first.Errors));
        Assert.Contains("wordnet-llama (", first.Lines[0], StringComparison.Ordinal);
        Assert.Contains("budgets kept", first.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("parity gate of wordnet-llama Q8_0 against its source (BF16, llama.cpp ", first.Lines[1], StringComparison.Ordinal);
        Assert.Matches(@"MaxPerplexityIncrease [0-9.]+ -> [0-9.]+, [-+0-9.]+ \+- [0-9.]+ %, limit 1 % \(default\), kept;", first.Lines[1]);
        Assert.Equal($"report: {Path.Combine(output, "parity.html")}", first.Lines[2]);
        Assert.Equal($"written to {output}", first.Lines[3]);
        Assert.Equal([".modelport.lock", "modelport.json", "parity.html", "parity.json", "wordnet-llama-Q8_0.gguf"], Files(output));

        var written = File.GetLastWriteTimeUtc(Path.Combine(output, "wordnet-llama-Q8_0.gguf"));
        var second = await ToolProcess.Run([.. port, "--format", "json"]);
        Assert.Equal((0, ""), (second.ExitCode, second.Errors));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(output, "wordnet-llama-Q8_0.gguf")));
        Assert.Equal(File.ReadAllText(Path.Combine(output, "modelport.json")), second.Output);
        using var manifest = JsonDocument.Parse(second.Output);
        Assert.Equal("kept", manifest.RootElement.GetProperty("outputs")[0].GetProperty("verdict").GetString());

        var again = await ToolProcess.Run(port);
        Assert.Equal($"nothing to do: {output} is up to date", again.Lines[3]);
    }

    [Fact]
    public async Task Port_and_validate_say_which_layer_costs_most_when_they_are_asked()
    {
        var model = Path.Combine(Repository.Root, "tests", "Fixtures", "models", "llama3-rope");
        string[] asked = ["--precision", "Q4_0", "--attribute", "--evaluation-tokens", "512", "--evaluation-window", "128", "--threads", "1", "--continuations", "0"];
        var port = await ToolProcess.Run(["port", model, "--output", _folder["out"], .. asked]);
        Assert.Equal(0, port.ExitCode);
        Assert.Matches("^attribution: .+ costs [0-9]+ % of the divergence \\([0-9.E-]+ of [0-9.E-]+ nats\\)$", port.Lines[2]);

        string[] validate = ["validate", _folder["out/llama3-rope-Q4_0.gguf"], "--source", model, .. asked];
        var text = await ToolProcess.Run(validate);
        Assert.Contains(text.Lines, line => line.Trim() == port.Lines[2]);
        Assert.Equal(3, text.Lines.Count(line => line.TrimStart().StartsWith("differs by ", StringComparison.Ordinal)));
        using var view = JsonDocument.Parse((await ToolProcess.Run([.. validate, "--format", "json"])).Output);
        Assert.Equal(5, view.RootElement.GetProperty("attribution").GetProperty("costs").GetProperty("steps").GetArrayLength());
        Assert.Equal(12, view.RootElement.GetProperty("worst").GetArrayLength());
    }

    [Fact]
    public async Task A_missed_budget_ends_with_exit_code_3_and_its_numbers()
    {
        var result = await ToolProcess.Run(["port", Repository.Sample, "--precision", "Q8_0", "--output", _folder["out"], "--budget", "MaxSize=1", .. ToolProcess.Quick]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("error MP3001", result.Errors, StringComparison.Ordinal);
        Assert.Contains("MaxSize", result.Errors, StringComparison.Ordinal);
        Assert.Contains("BUDGET MISSED", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missed_budget_may_be_a_warning()
    {
        var result = await ToolProcess.Run(["port", Repository.Sample, "--precision", "Q8_0", "--output", _folder["out"], "--budget", "MaxSize=1", "--parity", "warn", .. ToolProcess.Quick]);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("warning MP3005", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validate_measures_a_file_and_judges_it()
    {
        var output = _folder["out"];
        var port = await ToolProcess.Run("port", Repository.Sample, "--precision", "Q8_0", "--output", output, "--parity", "off");
        Assert.Equal(0, port.ExitCode);
        Assert.Contains("warning MP3006", port.Errors, StringComparison.Ordinal);

        var file = Path.Combine(output, "wordnet-llama-Q8_0.gguf");
        var text = await ToolProcess.Run(["validate", file, "--source", Repository.Sample, "--precision", "Q8_0", .. ToolProcess.Quick]);
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Contains("mean divergence", text.Output, StringComparison.Ordinal);

        var json = await ToolProcess.Run(["validate", file, "--source", Repository.Sample, "--budget", "MinTopTokenAgreement=100", "--format", "json", .. ToolProcess.Quick]);
        Assert.Equal((3, ""), (json.ExitCode, json.Errors));
        using var view = JsonDocument.Parse(json.Output);
        Assert.False(view.RootElement.GetProperty("kept").GetBoolean());
        var agreement = view.RootElement.GetProperty("metrics").EnumerateArray().Single(m => m.GetProperty("name").GetString() == "topTokenAgreement");
        Assert.Equal(("port", "source"), (agreement.GetProperty("of").GetString(), agreement.GetProperty("against").GetString()));
        Assert.InRange(agreement.GetProperty("value").GetDouble(), 90, 99.999);
        Assert.InRange(agreement.GetProperty("error").GetDouble(), 0.01, 5);

        var inspected = await ToolProcess.Run("inspect", file);
        Assert.Equal((0, ""), (inspected.ExitCode, inspected.Errors));
        Assert.Contains("blk.0.attn_q.weight", inspected.Output, StringComparison.Ordinal);
    }

    private static IEnumerable<string?> Files(string folder) => Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
