using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Packages;
using ModelPort.Tests.Onnx;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Packages;

/// <summary>A release of an ONNX model against one that was measured on other samples: it is measured again on the new ones.</summary>
public sealed class OnnxReleaseGateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly QuietObserver _observer = new();
    private readonly Dictionary<string, string> _metadata = new() { ["Name"] = "digits", ["Precision"] = "INT8-Dynamic" };

    public OnnxReleaseGateTests()
    {
        Source = Path.Combine(DigitsModel.Folder, "model.onnx");
        _metadata["Evaluation"] = Samples("first.safetensors", 0, 60);
        Port("before");
        _metadata["Evaluation"] = Samples("second.safetensors", 60, 90);
        Port("now");
    }

    private string Source { get; set; }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_is_measured_again_once_and_every_number_is_the_same_for_the_same_file()
    {
        var content = Pack();
        Assert.Contains(content.Notes, n => n.Contains("measured on other data in 1.0.0; measured again on second.safetensors", StringComparison.Ordinal));
        Assert.Empty(content.Refusals);
        // The names of samples are those of the new data; of the old ones nothing is left to compare.
        Assert.Contains(content.Notes, n => n.Contains(", 0 different; a patch change", StringComparison.Ordinal));

        // By now the numbers are in the store, and the files are not needed.
        var (before, run) = (_folder["before"], new RunObserver());
        File.Move(Path.Combine(before, "digits-INT8-Dynamic.onnx"), _folder["elsewhere.onnx"]);
        Assert.Empty(Pack(observer: run).Refusals);
        Assert.Equal(0, run.Runs);
    }

    [Fact]
    public void Weights_beside_the_model_are_found_in_a_folder_and_in_a_package()
    {
        using (var model = DigitsModel.Open())
        {
            model.Save(_folder["large.onnx"], "large.weights");
        }

        (Source, _metadata["Evaluation"]) = (_folder["large.onnx"], Samples("first.safetensors", 0, 60));
        Port("before");
        _metadata["Evaluation"] = Samples("second.safetensors", 60, 90);
        Port("now");
        Assert.Contains(Directory.GetFiles(_folder["before"]), f => f.EndsWith(".onnx.data", StringComparison.Ordinal));
        using (var package = System.IO.Compression.ZipFile.Open(_folder["before.nupkg"], System.IO.Compression.ZipArchiveMode.Create))
        {
            foreach (var file in Directory.GetFiles(_folder["before"]))
            {
                System.IO.Compression.ZipFileExtensions.CreateEntryFromFile(package, file, "models/digits/" + Path.GetFileName(file));
            }
        }

        var content = Pack(baseline: _folder["before.nupkg"]);
        Assert.Contains(content.Notes, n => n.Contains("measured again on second.safetensors", StringComparison.Ordinal));
        Assert.Contains(content.Notes, n => n.Contains(", 0 different; a patch change", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_another_source_it_needs_the_one_that_it_was_ported_from()
    {
        var old = Source;
        using (var model = DigitsModel.Open())
        {
            model.Proto.ProducerVersion = "another";
            model.Save(_folder["newer.onnx"]);
        }

        Source = _folder["newer.onnx"];
        Port("now");
        var without = Pack();
        Assert.Contains(without.Notes, n => n.Contains("set ModelPortBaselineSource to its file", StringComparison.Ordinal));
        Assert.Contains(without.Refusals, r => r.Code == "MP5031" && r.Message.Contains("not comparable", StringComparison.Ordinal));
        var with = Pack(old);
        Assert.Contains(with.Notes, n => n.Contains("measured again on second.safetensors", StringComparison.Ordinal));
        Assert.DoesNotContain(with.Refusals, r => r.Message.Contains("not comparable", StringComparison.Ordinal));
        Assert.Equal("MP5035", Assert.Throws<ModelPortException>(() => Pack(_folder["newer.onnx"])).Diagnostic.Code);
    }

    [Fact]
    public void Serving_is_compared_size_by_size_and_more_samples_a_second_are_better()
    {
        Serve("before", ("runLatencyP50", 1, "batch 1"), ("runLatencyP50", 0.5, "batch 8"), ("samplesPerSecond", 2, "batch 8"));
        Serve("now", ("runLatencyP50", 1, "batch 1"), ("runLatencyP50", 0.8, "batch 8"), ("samplesPerSecond", 2.5, "batch 8"), ("runLatencyP50", 3, "batch 32"));
        using var old = PackedFiles.Open(_folder["before"]);
        using var current = PackedFiles.Open(_folder["now"]);
        var lines = PackageComparison.Compare(old, "1", current, "2").Lines.Where(l => l.What.EndsWith("against the source", StringComparison.Ordinal)).ToDictionary(l => l.What, l => l.Kind);
        Assert.Equal(
            new Dictionary<string, ChangeKind>
            {
                ["median latency on batch 1 against the source"] = ChangeKind.None,
                ["median latency on batch 8 against the source"] = ChangeKind.Worse,
                ["samples a second on batch 8 against the source"] = ChangeKind.Better,
            },
            lines);
    }

    // Ratios whose quartiles are a hundredth beside the median.
    private void Serve(string folder, params (string Metric, double Median, string On)[] ratios)
    {
        var path = Path.Combine(_folder[folder], Manifest.FileName);
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        manifest["outputs"]![0]!["serving"] = new JsonObject
        {
            ["ratios"] = new JsonArray([.. ratios.Select(r => (JsonNode)new JsonObject { ["metric"] = r.Metric, ["median"] = r.Median, ["low"] = r.Median - 0.01, ["high"] = r.Median + 0.01, ["on"] = r.On })]),
        };
        File.WriteAllText(path, manifest.ToJsonString());
    }

    private string Samples(string name, int first, int count) => DataFiles.Write(
        _folder[name], ("image", DigitsModel.Images[(64 * first)..(64 * (first + count))], [count, 1, 8, 8]), ("label", DigitsModel.Labels[first..(first + count)], [count]));

    private void Port(string folder) => Assert.Empty(PortPipeline.Run(PortRequest.Parse(Source, _folder[folder], _metadata, Properties, "app.csproj"), _observer, TestContext.Current.CancellationToken).Missed);

    private Dictionary<string, string> Properties => new() { ["Threads"] = "1", ["CacheDirectory"] = _folder["store"] };

    private PackageContent Pack(string? source = null, string? baseline = null, IPortObserver? observer = null) => ModelPackage.Make(
        new PackageRequest("app.csproj", "Acme.Digits", "", _folder["staging"], [new PackagedPort("digits", _folder["now"], Source, _metadata, Properties)])
        {
            Baseline = new ReleaseBaseline(baseline ?? _folder["before"], "1.0.0", "1.0.0", "1.0.1", _folder["ModelPortSuppressions.xml"], source),
            IsBuilt = true,
        },
        observer ?? _observer,
        TestContext.Current.CancellationToken);

    private sealed class RunObserver : IPortObserver
    {
        public int Runs { get; private set; }

        public void Warn(Diagnostic warning)
        {
        }

        public void Progress(PortProgress progress) => Runs += progress.Stage == "comparison" ? 1 : 0;

        public void Detail(string text)
        {
        }
    }
}
