using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Safetensors;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>What parity is measured on: texts, reference outputs, and files that are no models.</summary>
public sealed class ParityInputTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public ParityInputTests()
    {
        _checkpoint.Properties["Parity"] = "error";
        _checkpoint.Metadata["EvaluationTokens"] = "1024";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
    }

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_missing_evaluation_text_is_named()
    {
        _checkpoint.Metadata["Evaluation"] = _checkpoint.Beside("text.txt");
        _checkpoint.Refused("MP1002", _checkpoint.Beside("text.txt"), "Evaluation");
    }

    [Fact]
    public void An_evaluation_text_that_is_too_short_is_refused()
    {
        File.WriteAllText(Evaluation("text.txt"), "In the beginning.");
        _checkpoint.Refused("MP3003", _checkpoint.Beside("text.txt"), "at least 256");
    }

    [Fact]
    public void An_empty_evaluation_text_is_refused()
    {
        File.WriteAllText(Evaluation("text.txt"), "");
        _checkpoint.Refused("MP3003", _checkpoint.Beside("text.txt"));
    }

    [Fact]
    public void An_evaluation_text_that_is_not_UTF8_is_refused()
    {
        File.WriteAllBytes(Evaluation("text.txt"), [.. "In the beginning"u8, 0xFF, 0xFE]);
        _checkpoint.Refused("MP1005", _checkpoint.Beside("text.txt"), "UTF-8", "offset 16");
    }

    [Fact]
    public void An_evaluation_that_is_no_text_file_is_refused()
    {
        File.WriteAllText(Evaluation("text.csv"), "{}");
        _checkpoint.Refused("MP1020", _checkpoint.Beside("text.csv"), ".txt");
    }

    [Fact]
    public void A_task_without_questions_is_refused()
    {
        File.WriteAllText(Evaluation("task.jsonl"), "{}");
        _checkpoint.Refused("MP1050", _checkpoint.Beside("task.jsonl"), "Line 1: ");
    }

    [Fact]
    public void A_question_that_does_not_fit_the_model_is_refused()
    {
        File.WriteAllText(Evaluation("task.jsonl"), $$"""{"prompt": "{{new string('x', 9000)}}", "completion": "y"}""");
        _checkpoint.Refused("MP1051", _checkpoint.Beside("task.jsonl"), "line 1 ");
    }

    [Fact]
    public void Paths_of_a_list_keep_their_semicolons_and_percent_signs()
    {
        string[] paths = ["/a;b/50%.txt", "/100%25/x%3By.jsonl"];
        Assert.Equal(paths, PathList.Read(PathList.Write(paths)));
        _checkpoint.Metadata["Evaluation"] = PathList.Write(paths);
        var request = _checkpoint.Request();
        Assert.Equal(paths, new[] { request.Evaluation }.Concat(request.Checkpoint.Tasks));
    }

    [Fact]
    public void Several_texts_or_tasks_of_one_name_are_refused()
    {
        _checkpoint.Metadata["Evaluation"] = "a.txt;b.txt";
        _checkpoint.Refused("MP1020", _checkpoint.Project, "one text");
        _checkpoint.Metadata["Evaluation"] = "a/task.jsonl; b/task.jsonl";
        _checkpoint.Refused("MP1020", _checkpoint.Project, "names differ");
    }

    [Fact]
    public void Too_few_evaluation_tokens_of_a_long_text_are_refused()
    {
        _checkpoint.Metadata["EvaluationTokens"] = "100";
        _checkpoint.Refused("MP1020", "", "EvaluationTokens is '100'", "256");
    }

    [Fact]
    public void Missing_reference_outputs_are_named()
    {
        _checkpoint.Metadata["ReferenceOutputs"] = _checkpoint.Beside("logits.safetensors");
        _checkpoint.Refused("MP1002", _checkpoint.Beside("logits.safetensors"), "ReferenceOutputs");
    }

    [Fact]
    public void Reference_outputs_that_are_no_safetensors_are_refused()
    {
        File.WriteAllText(Reference(), "logits");
        _checkpoint.Refused("MP1004", _checkpoint.Beside("logits.safetensors"));
    }

    [Fact]
    public void Reference_outputs_without_logits_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.I64, null);
        Mismatch("'logits'");
    }

    [Fact]
    public void Reference_outputs_of_another_length_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.I64, [1, 9, 1024]);
        Mismatch("[1, 9, 1024]", "[1, 8, vocabulary]");
    }

    [Fact]
    public void Reference_outputs_of_another_vocabulary_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.I64, [1, 8, 1000]);
        Mismatch("1000 tokens", "1024");
    }

    [Fact]
    public void Reference_outputs_with_ids_of_another_type_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.F64, [1, 8, 1024]);
        Mismatch("input_ids F64");
    }

    [Fact]
    public void Reference_outputs_with_an_id_outside_the_vocabulary_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.I64, [1, 8, 1024], id: 1024);
        Mismatch("outside the vocabulary");
    }

    [Fact]
    public void Reference_outputs_that_are_not_finite_are_refused()
    {
        SaveReference([1, 8], SafetensorsType.I64, [1, 8, 1024], logit: float.NaN);
        Mismatch("NaN");
    }

    [Fact]
    public void A_pre_tokenizer_that_llama_cpp_does_not_know_is_refused_at_the_source()
    {
        _checkpoint.Metadata["PreTokenizer"] = "nonsense";
        _checkpoint.Refused("MP3002", _checkpoint.Model, "nonsense");
    }

    [Fact]
    public void A_file_that_is_no_GGUF_cannot_be_validated()
    {
        File.WriteAllText(_checkpoint.Beside("port.gguf"), "no model");
        Assert.Equal(("MP1005", _checkpoint.Beside("port.gguf")), Invalid("port.gguf"));
    }

    [Fact]
    public void A_missing_file_cannot_be_validated() =>
        Assert.Equal(("MP1002", _checkpoint.Beside("port.gguf")), Invalid("port.gguf"));

    [Fact]
    public void A_GGUF_that_is_no_model_cannot_be_validated()
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", "llama");
        using (var file = File.Create(_checkpoint.Beside("port.gguf")))
        {
            var layout = GgufLayout.Create(metadata, [("something.weight", GgmlType.F32, [32])]);
            layout.WriteHeader(file);
            file.SetLength(layout.FileLength);
        }

        Assert.Equal(("MP3007", _checkpoint.Beside("port.gguf")), Invalid("port.gguf"));
    }

    [Fact]
    public void A_GGUF_of_another_vocabulary_cannot_be_validated()
    {
        Assert.NotEqual(Repository.Sample, _checkpoint.Model);
        File.Copy(Ports.Make(Repository.Sample, "Q8_0", _checkpoint.Beside("."))["Q8_0"], _checkpoint.Beside("port.gguf"));
        Assert.Equal(("MP3002", _checkpoint.Beside("port.gguf")), Invalid("port.gguf"));
    }

    private (string Code, string File) Invalid(string name)
    {
        var request = _checkpoint.Request();
        var error = Assert.Throws<ModelPortException>(() => PortValidation.Run(_checkpoint.Beside(name), request, _checkpoint.Observer, TestContext.Current.CancellationToken));
        return (error.Diagnostic.Code, error.Diagnostic.File);
    }

    private string Evaluation(string name) => _checkpoint.Metadata["Evaluation"] = _checkpoint.Beside(name);

    private string Reference() => _checkpoint.Metadata["ReferenceOutputs"] = _checkpoint.Beside("logits.safetensors");

    private void Mismatch(params string[] texts) => _checkpoint.Refused("MP3004", _checkpoint.Beside("logits.safetensors"), texts);

    private void SaveReference(long[] idShape, SafetensorsType idType, long[]? logitShape, long id = 5, float logit = 0)
    {
        List<(string Name, SafetensorsType Type, System.Collections.Immutable.ImmutableArray<long> Shape)> tensors = [("input_ids", idType, [.. idShape])];
        if (logitShape is not null)
        {
            tensors.Add(("logits", SafetensorsType.F32, [.. logitShape]));
        }

        using var writer = SafetensorsWriter.Create(Reference(), tensors);
        writer.Write("input_ids", MemoryMarshal.AsBytes(Enumerable.Repeat(id, (int)Count(idShape)).ToArray().AsSpan()));
        if (logitShape is not null)
        {
            writer.Write("logits", MemoryMarshal.AsBytes(Enumerable.Repeat(logit, (int)Count(logitShape)).ToArray().AsSpan()));
        }
    }

    private static long Count(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);
}
