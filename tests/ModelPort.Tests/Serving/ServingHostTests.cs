using System.Text.Json;
using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Parity.Serving;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Serving;

/// <summary>The side of the measurement that runs a model.</summary>
public sealed class ServingHostTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_model_is_loaded_run_and_weighed_on_call()
    {
        Directory.CreateDirectory(_checkpoint.Output);
        var path = Ports.Make(_checkpoint.Model, "Q8_0", _checkpoint.Output)["Q8_0"];
        var replies = Answers(Start(path, promptTokens: 24, tokens: 5), Call("Load"), Call("Run"), Call("Run"), Call("Load"), Call("Run"), Call("Memory"));
        Assert.All(replies, r => Assert.Null(r["Error"]));
        Assert.All([replies[1], replies[4]], r => Assert.True(r["Load"]!.GetValue<double>() > 0));
        foreach (var round in new[] { replies[2], replies[3], replies[5] }.Select(r => r["Round"]!))
        {
            Assert.Equal(24, round["PromptTokens"]!.GetValue<int>());
            Assert.True(round["FirstToken"]!.GetValue<double>() > 0);
            Assert.Equal(5, round["Tokens"]!.AsArray().Count);
            Assert.All(round["Tokens"]!.AsArray(), t => Assert.True(t!.GetValue<double>() > 0));
        }

        Assert.True(replies[6]["PeakBytes"]!.GetValue<long>() >= 0);
    }

    [Fact]
    public void A_prompt_is_no_longer_than_the_model_was_made_for()
    {
        Directory.CreateDirectory(_checkpoint.Output);
        var path = GgufEdit.Copy(Ports.Make(_checkpoint.Model, "Q8_0", _checkpoint.Output)["Q8_0"], _checkpoint.Beside("short.gguf"), m => m.Set("llama.context_length", 64u));
        var replies = Answers(Start(path, promptTokens: 128, tokens: 20), Call("Load"), Call("Run"));
        Assert.Equal(44, replies[2]["Round"]!["PromptTokens"]!.GetValue<int>());
    }

    [Fact]
    public void What_goes_wrong_is_an_answer()
    {
        var replies = Answers(Start(_checkpoint.Beside("none.gguf"), 8, 2), Call("Load"));
        Assert.Null(replies[0]["Error"]);
        Assert.Equal("MP3002", replies[1]["Error"]!["Code"]!.GetValue<string>());
    }

    [Fact]
    public void Without_the_program_for_it_serving_cannot_be_measured()
    {
        _checkpoint.Properties["Parity"] = "error";
        _checkpoint.Metadata["EvaluationTokens"] = "512";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Metadata["Continuations"] = "0";
        _checkpoint.Metadata["Serving"] = "true";
        _checkpoint.Refused("MP3002", _checkpoint.Model, "ModelPort.Tool.dll");
    }

    [Theory]
    [InlineData("MaxP95Latency", true)]
    [InlineData("MinTokensPerSecond", true)]
    [InlineData("MaxPeakMemory", true)]
    [InlineData("MaxCostPerMillionTokens", true)]
    [InlineData("MaxSize", false)]
    [InlineData("MinAccuracy", false)]
    public void A_budget_asks_for_what_it_limits(string budget, bool expected)
    {
        _checkpoint.Metadata["HourlyCost"] = "1.5";
        Assert.False(Request().MeasuresServing);
        _checkpoint.Metadata[budget] = "10";
        Assert.Equal(expected, Request().MeasuresServing);
        Assert.Equal(1.5, Request().HourlyCost);
    }

    [Fact]
    public void The_item_decides_over_the_property()
    {
        _checkpoint.Properties["Serving"] = "true";
        Assert.True(Request().MeasuresServing);
        _checkpoint.Metadata["Serving"] = "false";
        Assert.False(Request().MeasuresServing);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1,5")]
    [InlineData("much")]
    public void A_cost_that_is_none_is_refused(string cost)
    {
        _checkpoint.Metadata["HourlyCost"] = cost;
        Assert.Equal("MP1020", Assert.Throws<ModelPortException>(Request).Diagnostic.Code);
    }

    [Fact]
    public void A_limit_on_costs_needs_the_cost_of_an_hour()
    {
        _checkpoint.Metadata["MaxCostPerMillionTokens"] = "2";
        var error = Assert.Throws<ModelPortException>(Request).Diagnostic;
        Assert.Equal("MP1020", error.Code);
        Assert.Contains("HourlyCost", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_machine_has_a_name()
    {
        var here = Hardware.Here(1000, "zen4");
        Assert.NotEqual("", here.Processor);
        Assert.Equal(here.Processor.Trim(), here.Processor);
        Assert.Equal((Environment.ProcessorCount, Environment.ProcessorCount, "zen4"), (here.Cores, here.Threads, here.CpuBackend));
        Assert.Equal(here, Hardware.Here(1000, "zen4"));
    }

    private PortRequest Request() => _checkpoint.Request();

    private static string Start(string model, int promptTokens, int tokens) => JsonSerializer.Serialize(new
    {
        Action = "Start",
        Request = new { Model = model, Threads = 1, Text = EvaluationText.Open(null).Beginning(500), PromptTokens = promptTokens, Tokens = tokens },
    });

    private static string Call(string action) => JsonSerializer.Serialize(new { Action = action });

    private static JsonNode[] Answers(params string[] calls)
    {
        var output = new StringWriter();
        ServingHost.Run(new StringReader(string.Join('\n', calls)), output);
        JsonNode[] replies = [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(calls.Length, replies.Length);
        return replies;
    }
}
