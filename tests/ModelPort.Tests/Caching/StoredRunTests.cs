using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Caching;

/// <summary>Whole runs with a store: what was made for whatever folder is not made again, and what comes back is what was made.</summary>
public sealed class StoredRunTests : IDisposable
{
    private static readonly string Texts = Path.Combine(Repository.Root, "samples", "data");

    private readonly DamagedCheckpoint _checkpoint = new();

    public StoredRunTests()
    {
        _checkpoint.Properties["CacheDirectory"] = Store;
        _checkpoint.Properties["Parity"] = "warn";
        _checkpoint.Properties["Threads"] = "1";
        _checkpoint.Metadata["EvaluationTokens"] = "512";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Metadata["Continuations"] = "1";
    }

    private string Store => _checkpoint.Beside("store");

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData("Q8_0", null)]
    [InlineData("BF16;Q4_0", "calibration.txt")]
    public void After_a_clean_everything_comes_back_from_the_store(string precision, string? calibration)
    {
        _checkpoint.Metadata["Precision"] = precision;
        if (calibration is not null)
        {
            _checkpoint.Metadata["Calibration"] = Path.Combine(Texts, calibration);
            _checkpoint.Metadata["CalibrationTokens"] = "1024";
            _checkpoint.Metadata["CalibrationWindow"] = "256";
        }

        Run(out var first);
        Assert.Contains("port", first.Stages);
        Assert.Contains("parity", first.Stages);
        var files = Contents();
        Directory.Delete(_checkpoint.Output, recursive: true);
        var outcome = Run(out var second);
        Assert.Equal(files, Contents());
        Assert.Equal((true, false), (outcome.Ported, outcome.Measured));
        // The files were copied just now, so that nothing of them is remembered yet.
        Assert.Equal(["hash"], second.Stages);
        Assert.False(Run(out _).Ported);
        Assert.Equal(first.Warnings, second.Warnings);
    }

    [Fact]
    public void Another_folder_and_another_copy_of_the_source_get_the_same_files()
    {
        Run(out _);
        using var copy = new DamagedCheckpoint();
        copy.Properties["CacheDirectory"] = Store;
        copy.Properties["Parity"] = "off";
        copy.Properties["Threads"] = "1";
        var observer = new Witness();
        copy.Observer = observer;
        PortPipeline.Run(copy.Request(), observer, TestContext.Current.CancellationToken);
        Assert.DoesNotContain("port", observer.Stages);
        Assert.Equal(File.ReadAllBytes(Output("Q8_0")), File.ReadAllBytes(Path.Combine(copy.Output, "model-Q8_0.gguf")));
    }

    [Fact]
    public void A_changed_budget_is_judged_without_any_work()
    {
        Run(out _);
        _checkpoint.Metadata["MaxSize"] = "0.1";
        foreach (var clean in new[] { false, true })
        {
            if (clean)
            {
                Directory.Delete(_checkpoint.Output, recursive: true);
            }

            var outcome = Run(out var observer);
            Assert.NotEmpty(outcome.Missed);
            Assert.False(outcome.Measured);
            Assert.DoesNotContain("port", observer.Stages);
            Assert.DoesNotContain("parity", observer.Stages);
        }
    }

    [Fact]
    public void A_changed_evaluation_measures_again_and_does_not_port_again()
    {
        Run(out _);
        var time = File.GetLastWriteTimeUtc(Output("Q8_0"));
        _checkpoint.Metadata["Evaluation"] = Path.Combine(Texts, "evaluation.txt");
        var outcome = Run(out var observer);
        Assert.Equal((false, true), (outcome.Ported, outcome.Measured));
        // The source is written for llama.cpp to run it, and the port stays as it is.
        Assert.Equal(time, File.GetLastWriteTimeUtc(Output("Q8_0")));
        Assert.Equal("evaluation.txt", outcome.Manifest.Evaluation!.Name);
        Assert.Contains(observer.Details, d => d.Contains("measured again because Evaluation changed: ", StringComparison.Ordinal));

        _checkpoint.Metadata.Remove("Evaluation");
        outcome = Run(out observer);
        Assert.False(outcome.Measured);
        Assert.Equal("default", outcome.Manifest.Evaluation!.Name);
        Assert.DoesNotContain("parity", observer.Stages);
    }

    [Fact]
    public void A_changed_chat_template_gives_another_header_before_the_same_values()
    {
        Run(out _);
        _checkpoint.EditJson("tokenizer_config.json", c => c["chat_template"] = "{{ messages[0].content }} changed");
        Run(out var observer);
        Assert.Contains("copy", observer.Stages);
        Assert.Contains(observer.Details, d => d.EndsWith("a new header before values from the cache", StringComparison.Ordinal));
        Assert.Contains(observer.Details, d => d.Contains("ported again because Source file tokenizer_config.json changed: ", StringComparison.Ordinal));
        var (reheaded, logits) = (File.ReadAllBytes(Output("Q8_0")), observer.Progressed("parity"));
        using (var file = GgufShards.Open(Output("Q8_0")))
        {
            Assert.EndsWith("changed", file.Metadata["tokenizer.chat_template"].ToString(), StringComparison.Ordinal);
        }

        // Those of the source were recorded already: only the port was evaluated.
        Assert.Equal(512, logits);
        Directory.Delete(_checkpoint.Output, recursive: true);
        Directory.Delete(Store, recursive: true);
        Run(out observer);
        Assert.Equal(reheaded, File.ReadAllBytes(Output("Q8_0")));
        Assert.Equal(1024, observer.Progressed("parity"));
    }

    [Fact]
    public void Of_several_precisions_only_those_that_are_new_are_ported_and_measured()
    {
        var alone = Run(out _).Manifest;
        var bytes = File.ReadAllBytes(Output("Q8_0"));
        _checkpoint.Metadata["Precision"] = "Q8_0;Q4_0";
        var both = Run(out var observer).Manifest;
        Assert.Contains("model-Q8_0.gguf: taken from the cache", observer.Details);
        Assert.Equal(bytes, File.ReadAllBytes(Output("Q8_0")));
        Assert.Equal(alone.Outputs[0].Metrics, both.Outputs[0].Metrics);
        Assert.NotEmpty(both.Outputs[1].Metrics);
        Assert.Equal(512, observer.Progressed("parity"));
    }

    [Fact]
    public void Measured_types_and_importance_serve_other_folders()
    {
        _checkpoint.Properties["Parity"] = "off";
        _checkpoint.Metadata["Precision"] = "Auto";
        _checkpoint.Metadata["TargetBitsPerWeight"] = "5";
        _checkpoint.Metadata["Calibration"] = Path.Combine(Texts, "calibration.txt");
        _checkpoint.Metadata["CalibrationTokens"] = "1024";
        _checkpoint.Metadata["CalibrationWindow"] = "256";
        Run(out var first);
        Assert.Contains("calibrate", first.Stages);
        Assert.Contains("sensitivity", first.Stages);
        Directory.Delete(_checkpoint.Output, recursive: true);
        _checkpoint.Metadata["TargetBitsPerWeight"] = "6";
        Run(out var second);
        Assert.DoesNotContain("calibrate", second.Stages);
        Assert.DoesNotContain("sensitivity", second.Stages);
    }

    [Theory]
    [InlineData("cas")]
    [InlineData("ac")]
    public void What_is_damaged_in_the_store_is_made_anew_with_a_warning(string part)
    {
        Run(out _);
        var files = Contents();
        foreach (var file in Directory.GetFiles(Path.Combine(Store, part), "*", SearchOption.AllDirectories))
        {
            StoreFixture.Flip(file, new FileInfo(file).Length * 4);
        }

        Directory.Delete(_checkpoint.Output, recursive: true);
        Run(out var observer);
        Assert.Contains("port", observer.Stages);
        Assert.Contains(observer.Warnings, w => w.Code == "MP2041");
        Assert.All(observer.Warnings, w => Assert.Equal("MP2041", w.Code));
        Assert.Equal(files["model-Q8_0.gguf"], Contents()["model-Q8_0.gguf"]);

        Directory.Delete(_checkpoint.Output, recursive: true);
        Run(out observer);
        Assert.DoesNotContain("port", observer.Stages);
        Assert.Empty(observer.Warnings);
    }

    [Fact]
    public void An_output_that_somebody_wrote_into_is_replaced_and_harms_nobody()
    {
        Run(out _);
        var good = File.ReadAllBytes(Output("Q8_0"));
        StoreFixture.Flip(Output("Q8_0"), good.Length * 4L);
        Run(out _);
        Assert.Equal(good, File.ReadAllBytes(Output("Q8_0")));
        Directory.Delete(_checkpoint.Output, recursive: true);
        Run(out var observer);
        Assert.Equal(good, File.ReadAllBytes(Output("Q8_0")));
        Assert.DoesNotContain("port", observer.Stages);
    }

    [Fact]
    public void A_changed_weight_is_another_port()
    {
        Run(out _);
        var before = File.ReadAllBytes(Output("Q8_0"));
        _checkpoint.EditTensors(t => t.Poke("model.layers.0.mlp.up_proj.weight", 3, 0x3C00));
        Run(out var observer);
        Assert.Contains("port", observer.Stages);
        Assert.NotEqual(before, File.ReadAllBytes(Output("Q8_0")));
    }

    [Fact]
    public void Overflow_is_told_again_when_the_port_comes_from_the_store_and_refused_when_strict()
    {
        _checkpoint.Properties["Parity"] = "off";
        _checkpoint.Metadata["Precision"] = "F16";
        _checkpoint.EditTensors(t => t.Poke("model.layers.0.mlp.up_proj.weight", 3, 0x7F00));
        Run(out var first);
        var warning = Assert.Single(first.Warnings, w => w.Code == "MP2003");
        Directory.Delete(_checkpoint.Output, recursive: true);
        var outcome = Run(out var second);
        Assert.Equal(warning, Assert.Single(second.Warnings, w => w.Code == "MP2003"));
        Assert.DoesNotContain("port", second.Stages);
        Assert.Contains(outcome.Manifest.Warnings, w => w.Code == "MP2003");
        Directory.Delete(_checkpoint.Output, recursive: true);
        _checkpoint.Properties["Strict"] = "true";
        Assert.Equal("MP2008", Assert.Throws<ModelPortException>(() => Run(out _)).Diagnostic.Code);
    }

    [Fact]
    public void Builds_at_once_port_once()
    {
        var observers = Enumerable.Range(0, 4).Select(_ => new Witness()).ToArray();
        Parallel.For(0, observers.Length, new ParallelOptions { MaxDegreeOfParallelism = observers.Length, CancellationToken = TestContext.Current.CancellationToken }, i =>
            PortPipeline.Run(
                _checkpoint.Request(_checkpoint.Beside($"out{i}")),
                observers[i],
                CancellationToken.None));
        Assert.Single(observers, o => o.Stages.Contains("port"));
        Assert.Single(observers, o => o.Stages.Contains("parity"));
        var files = Enumerable.Range(0, observers.Length).Select(i => File.ReadAllBytes(Path.Combine(_checkpoint.Beside($"out{i}"), "model-Q8_0.gguf"))).ToArray();
        Assert.All(files, f => Assert.Equal(files[0], f));
    }

    [Fact]
    public void A_store_in_the_way_is_one_warning_and_the_port_is_made()
    {
        File.WriteAllText(Store, "");
        Run(out var observer);
        Assert.Equal("MP2040", Assert.Single(observer.Warnings).Code);
        Assert.True(File.Exists(Output("Q8_0")));
    }

    private Dictionary<string, string> Contents() => Directory.GetFiles(_checkpoint.Output).ToDictionary(f => Path.GetFileName(f), f => StoreFixture.Hash(File.ReadAllBytes(f)));

    private PortOutcome Run(out Witness observer)
    {
        observer = new Witness();
        return PortPipeline.Run(
            _checkpoint.Request(), observer, TestContext.Current.CancellationToken);
    }

    private string Output(string precision) => Path.Combine(_checkpoint.Output, $"model-{precision}.gguf");
}
