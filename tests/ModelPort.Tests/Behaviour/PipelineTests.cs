using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Parity;
using ModelPort.Parity.Behaviour;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Behaviour;

/// <summary>Tasks and behaviour on the whole road: measured, judged, recorded, and not measured twice.</summary>
public sealed class PipelineTests : IDisposable
{
    private const int StartHeader = 1021;

    private readonly DamagedCheckpoint _checkpoint = new();
    private readonly QuietObserver _observer = new();

    public PipelineTests()
    {
        _checkpoint.Properties["Parity"] = "error";
        _checkpoint.Properties["Threads"] = "1";
        _checkpoint.Metadata["Precision"] = "Q8_0";
        _checkpoint.Metadata["EvaluationTokens"] = "512";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Metadata["Continuations"] = "2";
        _checkpoint.Metadata["ContinuationTokens"] = "4";
    }

    public void Dispose() => _checkpoint.Dispose();

    public static TheoryData<string, Action<GgufMetadata>> Sabotage() => new()
    {
        { "MP3020", m => m.Set("tokenizer.chat_template", "{{ messages[0]['content'] }}") },
        { "MP3021", m => GgufEdit.SetElement(m, "tokenizer.ggml.token_type", StartHeader, 1, m.Set) },
        { "MP3023", m => m.Set("tokenizer.ggml.eos_token_id", (uint)StartHeader) },
    };

    [Theory]
    [MemberData(nameof(Sabotage))]
    public void A_port_that_behaves_otherwise_is_refused_though_its_numbers_are_perfect(string code, Action<GgufMetadata> spoil)
    {
        Directory.CreateDirectory(_checkpoint.Output);
        var port = Ports.Make(_checkpoint.Model, "BF16", _checkpoint.Output)["BF16"];
        var spoilt = GgufEdit.Copy(port, _checkpoint.Beside("spoilt.gguf"), spoil);
        var honest = Validate(port);
        Assert.True(honest.Kept);
        Assert.Equal(100, honest.Port.Behaviour.Continuations!.Equal);
        var found = Validate(spoilt);
        Assert.False(found.Kept);
        // A special token that is text is seen by the tokenizer's number too.
        Assert.Equal(code == "MP3021" ? ["MinTokenizerAgreement"] : [], found.Budgets.Where(b => !b.Passes).Select(b => b.Name));
        Assert.Equal([code], found.Port.Behaviour.Failures.Select(f => f.Code));
    }

    [Fact]
    public void What_behaves_a_little_otherwise_is_a_warning_that_strictness_refuses()
    {
        _checkpoint.EditJson("generation_config.json", json => json["eos_token_id"] = new JsonArray(1020, StartHeader));
        var outcome = Port();
        var port = Path.Combine(_checkpoint.Output, "model-Q8_0.gguf");
        Assert.Equal(("MP3024", port), Assert.Single(_observer.Warnings.Select(w => (w.Code, w.File)), w => w.Code == "MP3024"));
        Assert.Equal(Verdict.Kept, outcome.Manifest.Outputs[0].Verdict);
        Assert.Contains(outcome.Manifest.Outputs[0].Behaviour!.Findings, f => f is { Code: "MP3024", Level: FindingLevel.Warning });

        Directory.Delete(_checkpoint.Output, recursive: true);
        _checkpoint.Properties["Strict"] = "true";
        Assert.Contains("MP3024", _checkpoint.Refused("MP2008", port).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tasks_are_measured_judged_and_measured_again_only_when_they_change()
    {
        var task = _checkpoint.Beside("task.jsonl");
        File.WriteAllText(task, """
            {"prompt": "In the beginning God created the", "choices": [" heaven", " xylophone"], "answer": 0}
            {"prompt": "And God said, Let there be", "choices": [" light", " zzz"], "answer": 1}
            """);
        _checkpoint.Metadata["Evaluation"] = task;
        _checkpoint.Metadata["MinAccuracy"] = "90";
        var first = Port();
        Assert.True(first.Measured);
        Assert.Contains(task, first.InputPaths);
        var output = first.Manifest.Outputs[0];
        Assert.Equal(("task.jsonl", 2, 2), (output.Tasks[0].File, output.Tasks[0].Questions, output.Tasks[0].Total));
        Assert.Equal([50.0, 50.0], output.Metrics.Where(f => f.Name == "accuracy").Select(f => f.Value));
        Assert.Equal("default", first.Manifest.Evaluation!.Name);
        // 50 % with an error of 50 points is not outside of the limit by more than its error.
        Assert.Equal(BudgetVerdict.WithinError, Budget(first, "MinAccuracy").Verdict);
        Assert.Contains("task.jsonl 50.00 -> 50.00 %", Summary.Line(first.Manifest, output), StringComparison.Ordinal);
        Assert.Contains("MinAccuracy on task.jsonl 50.00 -> 50.00 %, limit 90 %, outside by less than the error, kept; behaviour (", Gate.Line(first.Manifest, output), StringComparison.Ordinal);

        _checkpoint.Properties["StrictParity"] = "true";
        var second = Port();
        Assert.False(second.Measured);
        var missed = Assert.Single(second.Missed);
        Assert.Equal("MP3001", missed.Code);
        Assert.Contains("on 2 of 2 questions of task.jsonl, 0 lost and 0 gained, McNemar p 1, SHA-256 " + output.Tasks[0].Sha256[..12], missed.Message, StringComparison.Ordinal);

        File.AppendAllText(task, "\n{\"prompt\": \"the LORD\", \"choices\": [\" God\", \" xxx\"], \"answer\": 0}\n");
        Assert.True(Port().Measured);
        _checkpoint.Metadata["EvaluationQuestions"] = "1";
        var fewer = Port();
        Assert.True(fewer.Measured);
        Assert.Equal((1, 3), (fewer.Manifest.Outputs[0].Tasks[0].Questions, fewer.Manifest.Outputs[0].Tasks[0].Total));
    }

    [Fact]
    public void A_limit_on_accuracy_without_a_task_is_not_kept()
    {
        _checkpoint.Metadata["MaxAccuracyDrop"] = "5";
        var missed = Assert.Single(Port().Missed);
        Assert.Equal("MP3008", missed.Code);
        Assert.Contains("a task (.jsonl) in Evaluation", missed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Continuations_can_be_left_out()
    {
        _checkpoint.Metadata["Continuations"] = "0";
        var behaviour = Port().Manifest.Outputs[0].Behaviour!;
        Assert.Null(behaviour.Continuations);
        Assert.NotEmpty(behaviour.Findings);
    }

    private static BudgetResult Budget(PortOutcome outcome, string name) => outcome.Manifest.Outputs[0].Budgets.Single(b => b.Name == name);

    private PortOutcome Port() => PortPipeline.Run(Request(), _observer, TestContext.Current.CancellationToken);

    private ValidationOutcome Validate(string port) => PortValidation.Run(port, Request().With(c => c with { Precisions = Planning.Precision.ParseList("BF16", "") }) with { OutputDirectory = _checkpoint.Beside(".") }, _observer, TestContext.Current.CancellationToken);

    private PortRequest Request() => _checkpoint.Request();
}
