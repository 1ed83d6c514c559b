using ModelPort.Calibration;
using ModelPort.Diagnostics;
using ModelPort.Formats.Importance;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Texts and matrices that cannot be used, and what the user is told of those that can.</summary>
public sealed class CalibrationInputTests : IDisposable
{
    private static readonly string Text = Path.Combine(Repository.Root, "samples", "data", "calibration.txt");

    private readonly DamagedCheckpoint _checkpoint = new();
    private readonly QuietObserver _observer = new();

    public CalibrationInputTests()
    {
        _checkpoint.Observer = _observer;
        _checkpoint.Metadata["Precision"] = "Q4_0";
        _checkpoint.Metadata["CalibrationTokens"] = "1024";
        _checkpoint.Metadata["CalibrationWindow"] = "256";
        _checkpoint.Properties["Threads"] = "1";
    }

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData("text.txt")]
    [InlineData("matrix.gguf")]
    public void A_missing_file_is_named(string name) =>
        _checkpoint.Refused("MP1002", Calibration(name), name);

    [Fact]
    public void A_text_that_is_not_UTF8_is_refused()
    {
        File.WriteAllBytes(Calibration("text.txt"), [.. "In the beginning"u8, 0xFF]);
        _checkpoint.Refused("MP1005", _checkpoint.Beside("text.txt"), "UTF-8");
    }

    [Fact]
    public void A_text_that_is_too_short_is_refused()
    {
        File.WriteAllText(Calibration("text.txt"), "In the beginning.");
        _checkpoint.Refused("MP2023", _checkpoint.Beside("text.txt"), "at least 512");
    }

    [Fact]
    public void Too_few_tokens_of_a_long_text_are_refused()
    {
        _checkpoint.Metadata["Calibration"] = Text;
        _checkpoint.Metadata["CalibrationTokens"] = "500";
        _checkpoint.Refused("MP1020", Text, "CalibrationTokens", "at least 512");
    }

    [Theory]
    [InlineData("matrix.gguf", "MP1005")]
    [InlineData("matrix.dat", "MP1004")]
    public void A_file_that_is_no_matrix_is_refused(string name, string code)
    {
        if (name == "matrix.gguf")
        {
            File.Copy(Ports.Make(Repository.Fixture("llama3-rope"), "Q8_0", _checkpoint.Beside("port"))["Q8_0"], Calibration(name));
        }
        else
        {
            File.WriteAllText(Calibration(name), "This is no matrix, but some text.");
        }

        _checkpoint.Refused(code, _checkpoint.Beside(name));
    }

    [Fact]
    public void A_matrix_of_another_model_is_refused()
    {
        Matrices.Save(Matrices.Random(Repository.Sample), Calibration("matrix.gguf"));
        _checkpoint.Refused("MP2022", _checkpoint.Beside("matrix.gguf"), "768 values for 'blk.0.ffn_down.weight'", "expected 384");
    }

    [Fact]
    public void A_matrix_without_values_where_a_type_needs_them_is_refused()
    {
        using var wide = new DamagedCheckpoint("mixtral-moe");
        wide.Metadata["Precision"] = "IQ3_XS";
        wide.Metadata["Calibration"] = Without(Repository.Fixture("mixtral-moe"), "blk.1.attn_q.weight");
        wide.Refused("MP2022", _checkpoint.Beside("matrix.gguf"), "'blk.1.attn_q.weight'", "IQ3_XXS");
    }

    [Fact]
    public void A_matrix_without_values_for_other_tensors_is_used_with_a_warning()
    {
        _checkpoint.Metadata["Calibration"] = Without(_checkpoint.Model, "blk.1.attn_q.weight");
        Port();
        var warning = Assert.Single(_observer.Warnings, w => w.Code == "MP2024");
        Assert.Equal(_checkpoint.Beside("matrix.gguf"), warning.File);
        Assert.Contains("1 tensors ('blk.1.attn_q.weight')", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_for_the_embedding_that_does_not_fit_is_passed_over()
    {
        var matrix = Matrices.Random(_checkpoint.Model);
        Matrices.Save(matrix with { Entries = matrix.Entries.Add("token_embd.weight", new ImportanceEntry([1, 2, 3], [1])) }, Calibration("matrix.gguf"));
        Port();
        Assert.DoesNotContain(_observer.Warnings, w => w.Code == "MP2024");
    }

    [Theory]
    [InlineData("Q2_K_S", null)]
    [InlineData("Q4_0", "attn_q=IQ2_XXS")]
    public void What_needs_a_matrix_is_refused_without_one(string precision, string? byHand)
    {
        using var wide = new DamagedCheckpoint("mixtral-moe");
        wide.Metadata["Precision"] = precision;
        if (byHand is not null)
        {
            wide.Metadata["TensorPrecision"] = byHand;
        }

        wide.Refused("MP1027", wide.Project, byHand is null ? precision : "IQ2_XXS", "Calibration");
    }

    [Fact]
    public void A_text_that_uses_weights_rarely_is_used_with_a_warning()
    {
        _checkpoint.Metadata["Calibration"] = Text;
        _checkpoint.Metadata["CalibrationTokens"] = "64";
        _checkpoint.Metadata["CalibrationWindow"] = "32";
        Port();
        var warning = Assert.Single(_observer.Warnings, w => w.Code == "MP2021");
        Assert.Equal(Text, warning.File);
        Assert.Contains("one only 64 times", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_matrix_that_says_nothing_of_activations_is_not_judged_by_them()
    {
        var matrix = Matrices.Random(_checkpoint.Model);
        byte[] file = [.. BitConverter.GetBytes(matrix.Entries.Count), .. matrix.Entries.SelectMany(e => Legacy(e.Key, e.Value))];
        File.WriteAllBytes(Calibration("matrix.dat"), file);
        Port();
        Assert.DoesNotContain(_observer.Warnings, w => w.Code is "MP2021" or "MP2024");
    }

    [Fact]
    public void A_calibration_that_weighs_nothing_is_said_to_be_without_effect()
    {
        _checkpoint.Metadata["Calibration"] = Text;
        _checkpoint.Metadata["Precision"] = "Q8_0;F16";
        Port();
        Assert.Contains("'Calibration' changes nothing", Assert.Single(_observer.Warnings, w => w.Code == "MP1042").Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_checkpoint.Output, "model.imatrix.gguf")));
    }

    [Fact]
    public void Calibrating_with_the_evaluation_text_is_warned_of()
    {
        _checkpoint.Metadata["Calibration"] = Text;
        _checkpoint.Metadata["Evaluation"] = Text;
        _checkpoint.Metadata["EvaluationTokens"] = "1024";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Properties["Parity"] = "warn";
        Port();
        Assert.Single(_observer.Warnings, w => w.Code == "MP2026");

        // The other warns of fallbacks first.
        using var strict = new DamagedCheckpoint("wordnet-llama-v1");
        strict.Metadata["Precision"] = "Q4_0";
        strict.Metadata["Calibration"] = Text;
        strict.Metadata["Evaluation"] = Text;
        strict.Properties["Parity"] = "warn";
        strict.Properties["Strict"] = "true";
        strict.Refused("MP2008", Text, "MP2026");
    }

    [Fact]
    public void Activations_that_are_not_finite_are_refused_by_the_name_of_their_weight()
    {
        _checkpoint.Metadata["Calibration"] = Text;
        // A norm of 3e38 in the second block: finite, but not what comes out of it.
        _checkpoint.EditTensors(tensors =>
        {
            for (var i = 0; i < 128; i++)
            {
                tensors.Poke("model.layers.1.input_layernorm.weight", i, 0x7F60);
            }
        });
        _checkpoint.Refused("MP2020", _checkpoint.Model, "'blk.1.attn_");
    }

    [Fact]
    public void A_model_that_llama_cpp_refuses_is_refused()
    {
        var request = Ports.Request(_checkpoint.Model, "Q4_0") with { Calibration = Text };
        File.WriteAllText(_checkpoint.Beside("broken.gguf"), "GGUF, but no more");
        var error = Assert.Throws<ModelPortException>(() => new Calibrator(request, (CalibrationText)CalibrationInput.Open(request)!, _observer, TestContext.Current.CancellationToken)
            .Run(_checkpoint.Beside("broken.gguf"), _checkpoint.Model, "origin")).Diagnostic;
        Assert.Equal(("MP2025", _checkpoint.Model), (error.Code, error.File));
    }

    private static byte[] Legacy(string name, ImportanceEntry entry) =>
    [
        .. BitConverter.GetBytes(name.Length), .. System.Text.Encoding.UTF8.GetBytes(name), .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(entry.Sums.Length),
        .. System.Runtime.InteropServices.MemoryMarshal.AsBytes(entry.Sums),
    ];

    private string Calibration(string name) => _checkpoint.Metadata["Calibration"] = _checkpoint.Beside(name);

    private string Without(string source, string tensor)
    {
        var matrix = Matrices.Random(source);
        return Matrices.Save(matrix with { Entries = matrix.Entries.Remove(tensor) }, _checkpoint.Beside("matrix.gguf"));
    }

    private void Port() => PortPipeline.Run(
        _checkpoint.Request(), _observer, TestContext.Current.CancellationToken);
}
