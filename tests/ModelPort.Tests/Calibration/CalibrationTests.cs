using System.Text.Json;
using ModelPort.Calibration;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Importance;
using ModelPort.Manifests;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Calibration;

/// <summary>The importance matrix that a port computes: its numbers, its use, and when it is computed again.</summary>
public sealed class CalibrationTests : IDisposable
{
    private static readonly string Text = Path.Combine(Repository.Root, "samples", "data", "calibration.txt");

    private readonly DamagedCheckpoint _checkpoint = new();
    private readonly Witness _observer = new();

    public CalibrationTests()
    {
        _checkpoint.Observer = _observer;
        _checkpoint.Metadata["Precision"] = "Q4_0";
        _checkpoint.Metadata["Calibration"] = Text;
        _checkpoint.Metadata["CalibrationTokens"] = "1024";
        _checkpoint.Metadata["CalibrationWindow"] = "256";
        _checkpoint.Properties["Threads"] = "1";
    }

    private string MatrixPath => Path.Combine(_checkpoint.Output, "model.imatrix.gguf");

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("mixtral-moe")]
    public void Counts_and_sums_are_those_of_llama_imatrix(string model)
    {
        using var folder = new TemporaryFolder();
        var request = Ports.Request(Repository.Checkpoint(model), "Q4_0", folder.Path).With(c => c with { CalibrationTokens = 4096 }) with { Calibration = Text, Threads = 1 };
        PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken);
        var ours = ImportanceMatrix.Read(Path.Combine(folder.Path, CalibrationStage.FileNameOf(request)));
        using var theirs = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Fixture(model), "reference", "imatrix.json")));
        Assert.Equal(theirs.RootElement.GetProperty("chunks").GetInt64(), ours.ChunkCount);
        Assert.Equal(theirs.RootElement.GetProperty("chunkSize").GetInt64(), ours.ChunkSize);
        var weights = theirs.RootElement.GetProperty("weights").EnumerateObject().ToArray();
        Assert.Equal(weights.Select(w => w.Name), ours.Entries.Keys);
        // llama-imatrix ran with bfloat16 instructions. Other variants of the back-end round activations otherwise, by which a token may meet another expert.
        var isSame = LlamaRuntime.Load().CpuBackend == "zen4";
        foreach (var (name, weight) in weights.Select(w => (w.Name, w.Value)))
        {
            var entry = ours.Entries[name];
            var counts = weight.GetProperty("counts").EnumerateArray().Select(c => c.GetInt64()).ToArray();
            Assert.Equal(counts.Length, entry.Counts.Length);
            var columns = entry.Sums.Length / counts.Length;
            var mayMove = counts.Length > 1 && !isSame;
            for (var i = 0; i < counts.Length; i++)
            {
                Assert.InRange(entry.Counts[i], counts[i] - (mayMove ? 2 : 0), counts[i] + (mayMove ? 2 : 0));
                Close(weight.GetProperty("sums")[i].GetDouble(), entry.Sums.Slice(i * columns, columns).ToArray().Sum(x => (double)x), isSame ? 2e-5 : 1e-2, name);
            }

            for (var i = 0; i < weight.GetProperty("first").GetArrayLength() && !mayMove; i++)
            {
                Close(weight.GetProperty("first")[i].GetDouble(), entry.Sums[i], isSame ? 2e-5 : 1e-2, name);
            }
        }
    }

    [Fact]
    public void A_matrix_of_ours_gives_the_same_bytes_in_llama_cpps_quantiser()
    {
        _checkpoint.Metadata["Precision"] = "F32;Q4_0;Q3_K_M;IQ4_XS";
        Run();
        var options = new LlamaFileQuantizerOptions { Importance = ImportanceMatrix.Read(MatrixPath).ToWeights() };
        foreach (var (precision, fileType) in new[] { ("Q4_0", 2), ("Q3_K_M", 12), ("IQ4_XS", 30) })
        {
            LlamaFileQuantizer.Quantize(Output("F32"), _checkpoint.Beside("theirs.gguf"), fileType, options);
            GgufFiles.EqualTensors(_checkpoint.Beside("theirs.gguf"), Output(precision));
        }
    }

    [Fact]
    public void A_matrix_that_is_given_does_what_it_did_when_it_was_computed()
    {
        Run();
        var computed = Output("Q4_0");
        File.Move(computed, _checkpoint.Beside("computed.gguf"));
        File.Move(MatrixPath, _checkpoint.Beside("given.gguf"));
        Directory.Delete(_checkpoint.Output, recursive: true);
        _checkpoint.Metadata["Calibration"] = _checkpoint.Beside("given.gguf");
        var manifest = Run();
        GgufFiles.EqualTensors(_checkpoint.Beside("computed.gguf"), computed);
        Assert.Equal(1, _observer.Completed("calibrate"));
        Assert.False(File.Exists(MatrixPath));
        Assert.Equal(("given.gguf", "given.gguf", 256L, 4L), (manifest.Calibration!.Name, manifest.Calibration.File, manifest.Calibration.ChunkLength, manifest.Calibration.Chunks));
        Assert.Null(manifest.Calibration.CpuBackend);
    }

    [Fact]
    public void The_manifest_says_what_the_matrix_was_computed_from_and_what_each_weight_has_seen()
    {
        var record = Run().Calibration!;
        Assert.Equal(("calibration.txt", "model.imatrix.gguf", 256L, 4L), (record.Name, record.File, record.ChunkLength, record.Chunks));
        Assert.Equal(Checkpoints.SourceHash.OfFile(Text, TestContext.Current.CancellationToken), record.Sha256);
        Assert.Equal(Checkpoints.SourceHash.OfFile(MatrixPath, TestContext.Current.CancellationToken), record.FileSha256);
        Assert.Equal(21, record.Coverage.Count);
        Assert.All(record.Coverage, c => Assert.Equal((1, 1024L, 1024L, null), (c.Matrices, c.Fewest, c.Most, c.Sparse)));
        using var port = GgufShards.Open(Output("Q4_0"));
        Assert.Equal("model.imatrix.gguf", port.Metadata["quantize.imatrix.file"].ToString());
        Assert.Equal("calibration.txt", port.Metadata["quantize.imatrix.dataset"].ToString());
        Assert.Equal(GgufValue.From(21u), port.Metadata["quantize.imatrix.entries_count"]);
        Assert.Equal(GgufValue.From(4u), port.Metadata["quantize.imatrix.chunks_count"]);
    }

    [Fact]
    public void The_matrix_is_computed_once_and_again_only_when_what_it_depends_on_has_changed()
    {
        Run();
        Assert.Equal(1, _observer.Completed("calibrate"));
        var matrix = File.ReadAllBytes(MatrixPath);

        Assert.False(Outcome().Ported);
        var port = File.ReadAllBytes(Output("Q4_0"));
        _checkpoint.Metadata["Precision"] = "Q4_0;Q4_1";
        Assert.True(Outcome().Ported);
        Assert.Equal(1, _observer.Completed("calibrate"));
        Assert.Equal(port, File.ReadAllBytes(Output("Q4_0")));
        Assert.Equal(matrix, File.ReadAllBytes(MatrixPath));

        // Not even a lost manifest costs the matrix.
        File.Delete(Path.Combine(_checkpoint.Output, Manifest.FileName));
        Run();
        Assert.Equal(1, _observer.Completed("calibrate"));

        _checkpoint.Metadata["CalibrationTokens"] = "768";
        Run();
        Assert.Equal(2, _observer.Completed("calibrate"));

        File.WriteAllText(_checkpoint.Beside("other.txt"), File.ReadAllText(Text)[5000..]);
        _checkpoint.Metadata["Calibration"] = _checkpoint.Beside("other.txt");
        Run();
        Assert.Equal(3, _observer.Completed("calibrate"));

        _checkpoint.EditTensors(tensors => tensors.Poke("model.layers.0.mlp.up_proj.weight", 3, 0x3C00));
        Run();
        Assert.Equal(4, _observer.Completed("calibrate"));
    }

    [Theory]
    [InlineData(40, 1)]
    [InlineData(-40, 1)]
    [InlineData(0, 0)]
    public void A_matrix_that_is_not_as_it_was_left_is_computed_anew(int position, byte change)
    {
        Run();
        var whole = File.ReadAllBytes(MatrixPath);
        var damaged = File.ReadAllBytes(MatrixPath);
        damaged[position < 0 ? ^-position : position] ^= change;
        File.WriteAllBytes(MatrixPath, change == 0 ? damaged[..100] : damaged);
        _checkpoint.Metadata["Precision"] = "Q4_1";
        Run();
        Assert.Equal(2, _observer.Completed("calibrate"));
        Assert.Equal(whole, File.ReadAllBytes(MatrixPath));
    }

    [Fact]
    public void Without_the_calibration_the_port_is_made_anew_and_plain()
    {
        Run();
        var weighed = File.ReadAllBytes(Output("Q4_0"));
        _checkpoint.Metadata.Remove("Calibration");
        var outcome = Outcome();
        Assert.True(outcome.Ported);
        Assert.Null(outcome.Manifest.Calibration);
        Assert.NotEqual(weighed, File.ReadAllBytes(Output("Q4_0")));
        using var port = GgufShards.Open(Output("Q4_0"));
        Assert.False(port.Metadata.Contains("quantize.imatrix.file"));
    }

    [Fact]
    public void A_measured_port_reads_the_source_once_for_matrix_and_measurement()
    {
        _checkpoint.Properties["Parity"] = "warn";
        _checkpoint.Metadata["EvaluationTokens"] = "1024";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Metadata["Precision"] = "BF16;Q4_0";
        var outcome = Outcome();
        Assert.True(outcome.Measured);
        Assert.Equal(1, _observer.Completed("calibrate"));
        Assert.Equal([".modelport.lock", "model-BF16.gguf", "model-Q4_0.gguf", "model.imatrix.gguf", "modelport.json", "parity.html", "parity.json"], Directory.GetFiles(_checkpoint.Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains(Text, outcome.InputPaths);
    }

    private static void Close(double expected, double actual, double tolerance, string name) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance * Math.Abs(expected), $"{name}: {actual} instead of {expected}");

    private PortOutcome Outcome() => PortPipeline.Run(
        _checkpoint.Request(), _observer, TestContext.Current.CancellationToken);

    private Manifest Run() => Outcome().Manifest;

    private string Output(string precision) => Path.Combine(_checkpoint.Output, $"model-{precision}.gguf");
}
