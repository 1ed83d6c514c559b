using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Options that mean nothing: the error points at the project and lists what would be right.</summary>
public sealed class OptionTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void An_unknown_precision_is_answered_with_the_valid_and_the_nearest()
    {
        _checkpoint.Metadata["Precision"] = "Q8_0;Q4_K_X";
        _checkpoint.Refused("MP1018", _checkpoint.Project, "'Q4_K_X'", "Did you mean Q4_K_M?", "Q6_K", "F32");
    }

    [Theory]
    [InlineData("Q2_K_S")]
    [InlineData("iq3_xxs")]
    [InlineData("IQ1_M")]
    public void A_precision_that_needs_an_importance_matrix_is_refused_as_such(string precision)
    {
        _checkpoint.Metadata["Precision"] = $"Q8_0;{precision}";
        _checkpoint.Refused("MP1027", _checkpoint.Project, $"'{precision.ToUpperInvariant()}'", "importance matrix", "IQ3_S", "Q2_K");
    }

    [Fact]
    public void Unknown_metadata_are_answered_with_the_valid_and_the_nearest()
    {
        _checkpoint.Metadata["Precison"] = "Q8_0";
        _checkpoint.Refused("MP1019", _checkpoint.Project, "'Precison'", "Did you mean Precision?", "MaxPerplexityIncrease", "Evaluation");
    }

    [Theory]
    [InlineData("Runtime", "onnxruntime")]
    [InlineData("HardwareTarget", "tpu")]
    [InlineData("Name", "a/b")]
    [InlineData("Name", "..")]
    [InlineData("EvaluationTokens", "many")]
    [InlineData("EvaluationTokens", "0")]
    [InlineData("EvaluationWindow", "8")]
    [InlineData("EvaluationWindow", "99999999")]
    [InlineData("CalibrationTokens", "-1")]
    [InlineData("CalibrationWindow", "15")]
    [InlineData("MaxPerplexityIncrease", "-1")]
    [InlineData("MaxPerplexityIncrease", "1,5")]
    [InlineData("MaxPerplexityIncrease", "NaN")]
    [InlineData("MaxSize", "small")]
    public void Metadata_with_an_impossible_value_are_named(string name, string value)
    {
        _checkpoint.Metadata[name] = value;
        _checkpoint.Refused("MP1020", _checkpoint.Project, name, $"'{value}'");
    }

    [Theory]
    [InlineData("Parity", "maybe")]
    [InlineData("Strict", "yes")]
    [InlineData("MemoryBudget", "512 bananas")]
    [InlineData("MemoryBudget", "0")]
    [InlineData("MemoryBudget", "-5MB")]
    [InlineData("Threads", "0")]
    [InlineData("Threads", "four")]
    [InlineData("Threads", "600")]
    public void Properties_with_an_impossible_value_are_named(string name, string value)
    {
        _checkpoint.Properties[name] = value;
        _checkpoint.Refused("MP1020", _checkpoint.Project, "ModelPort" + name, $"'{value}'");
    }

    [Fact]
    public void A_memory_budget_that_one_slice_exceeds_is_refused()
    {
        _checkpoint.Properties["MemoryBudget"] = "1KB";
        _checkpoint.Refused("MP2005", _checkpoint.Model, "1.00 KB", "needs");
    }

    [Fact]
    public void A_name_without_any_text_takes_the_folder()
    {
        _checkpoint.Metadata["Name"] = "";
        var request = _checkpoint.Request();
        Assert.Equal("model", request.Name);
    }
}
