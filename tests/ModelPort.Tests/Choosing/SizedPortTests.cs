using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Choosing;

/// <summary>Ports whose types are chosen for a size, from options to files.</summary>
public sealed class SizedPortTests(SizedPortTests.KnownTable known) : IClassFixture<SizedPortTests.KnownTable>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void At_the_size_of_a_recipe_the_chosen_mix_diverges_less()
    {
        string[] recipes = ["Q3_K_M", "Q4_K_M", "Q5_K_M"];
        var request = Ports.Request(Repository.Sample, "Auto", _folder.Path).With(c => c with { EvaluationTokens = 2048, EvaluationWindow = 256, Continuations = 0 }) with
        {
            Evaluation = Path.Combine(Repository.Root, "samples", "data", "evaluation.txt"),
            Threads = 1,
        };
        var files = Ports.Make(Repository.Sample, string.Join(';', recipes.Append("BF16")), _folder.Path);
        var chosen = new List<(OutputRecord Output, string Path)>();
        foreach (var recipe in recipes)
        {
            var limit = new FileInfo(files[recipe]).Length;
            var output = Assert.Single(Port(request.With(c => c with { Target = new SizeTarget(limit, null) })).Manifest.Outputs);
            Assert.InRange(output.Bytes, limit * 0.995, limit);
            File.Move(_folder[output.FileName], _folder[$"{recipe}.gguf"]);
            chosen.Add((output, _folder[$"{recipe}.gguf"]));
        }

        using var checkpoint = Checkpoints.Checkpoint.Open(Repository.Sample);
        var measurement = new ParityMeasurement(request, checkpoint, EvaluationData.Open(request, checkpoint.Tensors.ParameterCount), new QuietObserver(), TestContext.Current.CancellationToken);
        var divergences = measurement.Measure(files["BF16"], [.. recipes.Select(r => files[r]), .. chosen.Select(c => c.Path)]).Ports
            .Select(p => p.Figures.First(f => f.Name == Metric.MeanDivergence.Name && f.Of == Subject.Port).Value).ToArray();
        for (var i = 0; i < recipes.Length; i++)
        {
            var (ofRecipe, ofChoice) = (divergences[i], divergences[recipes.Length + i]);
            // At five bits the rounding of activations, which no choice of types can change, has a part of it.
            Assert.InRange(ofChoice, 0, ofRecipe * (recipes[i] == "Q5_K_M" ? 0.9 : 0.75));
            // What is expected comes true, but for that part.
            Assert.InRange(ofChoice - chosen[i].Output.Mix!.ExpectedDivergence, -0.1 * ofChoice, 0.15 * ofChoice + 0.006);
        }
    }

    [Fact]
    public void What_was_measured_serves_every_size_and_a_second_run_does_nothing()
    {
        var request = Small(700_000);
        var first = new Witness();
        Assert.True(Port(request, first).Ported);
        Assert.Contains("errors", first.Stages);
        Assert.Contains("sensitivity", first.Stages);

        var second = new Witness();
        Assert.False(Port(request, second).Ported);
        Assert.DoesNotContain("port", second.Stages);

        foreach (var other in new[] { Small(500_000), Small(700_000).With(c => c with { Choice = new TensorChoice { Patterns = TensorPattern.ParseList("attn_v=Q8_0", "") } }) })
        {
            var third = new Witness();
            Assert.True(Port(other, third).Ported);
            Assert.DoesNotContain("sensitivity", third.Stages);
            Assert.DoesNotContain("errors", third.Stages);
        }

        File.WriteAllText(_folder["llama3-rope.errors.json"], "{}");
        var fourth = new Witness();
        Assert.True(Port(Small(500_001), fourth).Ported);
        Assert.Contains("sensitivity", fourth.Stages);
    }

    [Fact]
    public void The_choice_does_not_depend_on_threads_memory_or_the_run()
    {
        var first = Port(Small(600_000)).Manifest.Outputs[0];
        using var other = new TemporaryFolder();
        var second = Port(Small(600_000) with { OutputDirectory = other.Path, Threads = 2, MemoryBudget = 4 << 20 }).Manifest.Outputs[0];
        Assert.Equal(first.Sha256, second.Sha256);
        Assert.Equal(File.ReadAllBytes(_folder["llama3-rope.errors.json"]), File.ReadAllBytes(other["llama3-rope.errors.json"]));
    }

    [Fact]
    public void A_size_holds_for_all_files_of_a_port_that_is_cut_into_several()
    {
        Known();
        const long Limit = 600_000;
        var whole = Port(Small(Limit)).Manifest.Outputs[0];
        var cut = Port(Small(Limit) with { SplitMaxSize = 150_000 }).Manifest.Outputs[0];
        Assert.True(cut.Files.Count > 3);
        Assert.InRange(cut.Bytes, Limit * 0.98, Limit);
        Assert.False(Port(Small(Limit) with { SplitMaxSize = 150_000 }).Ported);

        // The headers of the shards would have made it larger.
        Assert.True(whole.Bytes + (cut.Files.Count - 1) * 150 > Limit, $"{whole.Bytes}");
    }

    [Fact]
    public void A_size_that_the_source_fits_gives_the_source()
    {
        Known();
        var chosen = Port(Small(50_000_000)).Manifest.Outputs[0];
        var own = Ports.Make(Repository.Fixture("llama3-rope"), "BF16", _folder.Path)["BF16"];
        Assert.Equal(File.ReadAllBytes(own), File.ReadAllBytes(_folder[chosen.FileName]));
        Assert.Equal(0, chosen.Mix!.ExpectedDivergence);
    }

    [Fact]
    public void The_manifest_names_every_tensor_with_its_type_error_and_sensitivity()
    {
        Known();
        var output = Port(Small(600_000)).Manifest.Outputs[0];
        using var file = GgufShards.Open(_folder[output.FileName]);
        var mix = output.Mix!;
        Assert.Equal(600_000, mix.LimitBytes);
        Assert.Equal(
            file.Tensors.Where(t => t.Type != GgmlType.F32).Select(t => $"{t.Name} {t.Type}"),
            mix.Tensors.Select(t => $"{t.Tensor} {t.Type}"));
        Assert.All(mix.Tensors, t =>
        {
            Assert.InRange(t.Error, 1e-6, 0.2);
            Assert.InRange(t.Sensitivity, 1e-4, 100);
            Assert.Equal(t.Rows, t.MeasuredRows);
        });
        Assert.Equal(mix.Tensors.Sum(t => t.Error * t.Sensitivity), mix.ExpectedDivergence, 1e-12);
        Assert.InRange(mix.LeastDivergence, mix.ExpectedDivergence * 0.8, mix.ExpectedDivergence);
        Assert.Equal(("default", 2), (mix.SensitivityText.Name, mix.SensitivityText.Windows));
        Assert.True(file.Metadata.TryGetInt64("general.file_type", out _));
        Assert.Equal(output.Mix!.Tensors.Count, Manifest.TryRead(_folder["modelport.json"])!.Outputs[0].Mix!.Tensors.Count);
    }

    [Fact]
    public void A_calibration_text_weighs_errors_and_is_what_sensitivities_are_measured_on()
    {
        var text = Path.Combine(Repository.Root, "samples", "data", "calibration.txt");
        var output = Port(Small(600_000).With(c => c with { CalibrationTokens = 2048, CalibrationWindow = 256 }) with { Calibration = text }).Manifest.Outputs[0];
        Assert.Equal("calibration.txt", output.Mix!.SensitivityText.Name);
        using var file = GgufShards.Open(_folder[output.FileName]);
        Assert.True(file.Metadata.TryGetInt64("quantize.imatrix.entries_count", out var entries) && entries > 0);
        Known();
        var plain = Port(Small(600_000)).Manifest.Outputs[0];
        Assert.NotEqual(plain.Mix!.Tensors.Select(t => t.Error), output.Mix.Tensors.Select(t => t.Error));
    }

    [Fact]
    public void The_plan_shows_what_would_be_chosen_and_leaves_nothing_behind()
    {
        using var checkpoint = Checkpoints.Checkpoint.Open(Repository.Fixture("llama3-rope"));
        var plan = PortPipeline.Plan(checkpoint, Small(600_000) with { OutputDirectory = _folder["never"] }, new QuietObserver(), TestContext.Current.CancellationToken);
        var planned = Assert.Single(plan.Outputs);
        Assert.False(planned.IsOpen);
        Assert.False(Directory.Exists(_folder["never"]));
        var ported = Port(Small(600_000)).Manifest.Outputs[0];
        Assert.Equal(planned.FileLength, ported.Bytes);
        Assert.Equal(planned.Mix!.Tensors.Select(t => GgmlTypes.Name(t.Type)), ported.Mix!.Tensors.Select(t => t.Type));
    }

    [Fact]
    public void A_size_without_a_precision_chooses_and_beside_one_it_is_a_budget()
    {
        using var model = new DamagedCheckpoint();
        PortRequest Parse() => model.Request();
        model.Metadata["MaxSize"] = "0.5";
        Assert.Null(Parse().Checkpoint.Target);
        model.Metadata["Precision"] = "Q8_0;auto";
        Assert.Equal(new SizeTarget(500_000, null), Parse().Checkpoint.Target);
        model.Metadata["Precision"] = "";
        Assert.Equal([Precision.Auto], Parse().Checkpoint.Precisions);
        model.Metadata["MaxSize"] = "";
        Assert.Empty(Parse().Checkpoint.Precisions);
        model.Metadata["TargetBitsPerWeight"] = "4.5";
        Assert.Equal([Precision.Auto], Parse().Checkpoint.Precisions);
        Assert.Equal(new SizeTarget(null, 4.5), Parse().Checkpoint.Target);
    }

    [Theory]
    [InlineData("MP1043", "Precision", "Auto", "MaxSize", "TargetBitsPerWeight")]
    [InlineData("MP1020", "TargetBitsPerWeight", "4.5", "Auto")]
    [InlineData("MP1020", "TargetBitsPerWeight", "many", "'many'")]
    [InlineData("MP1020", "TargetBitsPerWeight", "0", "'0'")]
    [InlineData("MP1020", "TargetBitsPerWeight", "33", "'33'")]
    public void Options_that_mean_nothing_together_are_refused(string code, string name, string value, params string[] texts)
    {
        using var model = new DamagedCheckpoint();
        model.Metadata[name] = value;
        model.Refused(code, model.Project, texts);
    }

    [Fact]
    public void A_base_type_for_all_is_refused_where_there_is_none()
    {
        using var model = new DamagedCheckpoint();
        model.Metadata["Precision"] = "Auto";
        model.Metadata["MaxSize"] = "1";
        model.Metadata["Pure"] = "true";
        model.Refused("MP1020", model.Project, "Pure", "Auto");
    }

    [Fact]
    public void A_size_that_nothing_fits_is_refused()
    {
        using var model = new DamagedCheckpoint();
        model.Metadata["Precision"] = "Auto";
        model.Metadata["MaxSize"] = "0.05";
        model.Properties["Threads"] = "1";
        var error = Assert.Throws<ModelPortException>(() =>
            PortPipeline.Run(model.Request(), new QuietObserver(), TestContext.Current.CancellationToken)).Diagnostic;
        Assert.Equal(("MP2030", model.Model), (error.Code, error.File));
        Assert.DoesNotContain(Directory.GetFiles(model.Output), f => f.EndsWith(".gguf", StringComparison.Ordinal) || f.EndsWith("-tmp", StringComparison.Ordinal));
    }

    // What the model loses, measured once for all tests that do not ask how.
    private void Known() => File.WriteAllBytes(_folder["llama3-rope.errors.json"], known.Table);

    private static PortOutcome Port(PortRequest request, IPortObserver? observer = null) => PortPipeline.Run(request, observer ?? new QuietObserver(), TestContext.Current.CancellationToken);

    private PortRequest Small(long bytes) => Small(bytes, _folder.Path);

    private static PortRequest Small(long bytes, string output) =>
        Ports.Request(Repository.Fixture("llama3-rope"), "Auto", output).With(c => c with { Target = new SizeTarget(bytes, null) }) with { Threads = 1 };

    /// <summary>The table of the small model.</summary>
    public sealed class KnownTable
    {
        private readonly Lazy<byte[]> _table = new(() =>
        {
            using var folder = new TemporaryFolder();
            Port(Small(600_000, folder.Path));
            return File.ReadAllBytes(folder["llama3-rope.errors.json"]);
        });

        public byte[] Table => _table.Value;
    }
}
