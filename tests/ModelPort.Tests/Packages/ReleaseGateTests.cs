using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Packages;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Packages;

/// <summary>A release against the one before: what can be compared, what is measured again so that it can, and what the version has to say.</summary>
public sealed class ReleaseGateTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();
    private readonly QuietObserver _observer = new();

    public ReleaseGateTests()
    {
        _checkpoint.Properties["Parity"] = "error";
        _checkpoint.Properties["Threads"] = "1";
        _checkpoint.Properties["CacheDirectory"] = _checkpoint.Beside("store");
        _checkpoint.Metadata["Name"] = "tiny";
        _checkpoint.Metadata["EvaluationWindow"] = "128";
        _checkpoint.Metadata["EvaluationTokens"] = "512";
        _checkpoint.Metadata["Evaluation"] = Text("first.txt", 0);
        Port(Baseline);
        _checkpoint.Metadata["Evaluation"] = Text("second.txt", 3000);
        Port(_checkpoint.Output);
    }

    private string Baseline => _checkpoint.Beside("baseline");

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_release_that_was_measured_on_other_data_is_measured_again_on_the_new_data_once()
    {
        var content = Pack();
        Assert.Contains(content.Notes, n => n.Contains("measured on other data in 1.0.0; measured again on second.txt", StringComparison.Ordinal));
        Assert.Empty(content.Refusals);
        // The same file on the same data: every number is the same.
        Assert.Contains(content.Notes, n => n.Contains(", 0 different; a patch change", StringComparison.Ordinal));

        var tokens = _observer.Warnings.Count;
        var progress = new Witness();
        Assert.Empty(Pack(observer: progress).Refusals);
        Assert.DoesNotContain(progress.Stages, stage => stage != "hash");
        Assert.Equal(tokens, _observer.Warnings.Count);
    }

    [Fact]
    public void Of_another_source_it_is_measured_with_the_source_that_it_was_ported_from()
    {
        var source = _checkpoint.Beside("old source");
        Directory.CreateDirectory(source);
        Array.ForEach(Directory.GetFiles(_checkpoint.Model), f => File.Copy(f, Path.Combine(source, Path.GetFileName(f))));
        _checkpoint.EditTensors(t => t.Poke("model.norm.weight", 3, 0x3F80));
        Port(_checkpoint.Output);

        var without = Pack();
        Assert.Contains(without.Notes, n => n.Contains("set ModelPortBaselineSource to its folder", StringComparison.Ordinal));
        Assert.Contains(without.Refusals, r => r.Code == "MP5031" && r.Message.Contains("not comparable", StringComparison.Ordinal));

        var with = Pack(source);
        Assert.DoesNotContain(with.Refusals, r => r.Message.Contains("not comparable", StringComparison.Ordinal));
        Assert.Contains(with.Notes, n => n.Contains("measured again on second.txt", StringComparison.Ordinal));

        var wrong = Assert.Throws<ModelPortException>(() => Pack(_checkpoint.Model));
        Assert.Equal(("MP5035", _checkpoint.Project), (wrong.Diagnostic.Code, wrong.Diagnostic.File));
    }

    [Fact]
    public void Without_a_build_a_port_of_another_source_or_precision_than_the_project_asks_for_is_stale()
    {
        Assert.Empty(Pack(isBuilt: false).Refusals);
        var precision = _checkpoint.Metadata["Precision"];
        _checkpoint.Metadata["Precision"] = "Q4_0";
        Assert.Contains("Precision", Stale(), StringComparison.Ordinal);
        _checkpoint.Metadata["Precision"] = precision;
        _checkpoint.EditTensors(t => t.Poke("model.norm.weight", 3, 0x3F80));
        Assert.Contains("model.safetensors", Stale(), StringComparison.Ordinal);

        var gone = _checkpoint.Beside("elsewhere");
        Directory.Move(_checkpoint.Model, gone);
        Assert.Contains(Pack(isBuilt: false).Notes, n => n.Contains("its source", StringComparison.Ordinal) && n.Contains("is not here", StringComparison.Ordinal));
        Directory.Move(gone, _checkpoint.Model);

        string Stale()
        {
            var error = Assert.Throws<ModelPortException>(() => Pack(isBuilt: false)).Diagnostic;
            Assert.Equal(("MP4004", Path.Combine(_checkpoint.Output, Manifest.FileName)), (error.Code, error.File));
            return error.Message;
        }
    }

    [Fact]
    public void Numbers_are_judged_by_their_errors_or_by_a_tenth_of_their_distance_to_the_ideal_and_serving_by_its_ratio_to_the_source()
    {
        Edit(Baseline, manifest =>
        {
            manifest["evaluation"] = JsonNode.Parse(File.ReadAllText(Path.Combine(_checkpoint.Output, Manifest.FileName)))!["evaluation"]!.DeepClone();
            manifest["outputs"]![0]!["serving"] = Serving(2, 1.9, 2.1);
            Set(manifest, "cosineSimilarity", 0.9, null);
            Set(manifest, "meanDivergence", 0.01, 0.001);
        });
        Edit(_checkpoint.Output, manifest =>
        {
            manifest["outputs"]![0]!["serving"] = Serving(1.5, 1.4, 1.6);
            Set(manifest, "cosineSimilarity", 0.895, null);
            Set(manifest, "meanDivergence", 0.0113, 0.001);
        });
        Assert.Equal(ChangeKind.Worse, Kind("generated tokens a second against the source"));
        Assert.Equal(ChangeKind.Different, Kind("cosine similarity"));
        Assert.Equal(ChangeKind.Different, Kind("mean divergence"));

        Edit(_checkpoint.Output, manifest =>
        {
            manifest["outputs"]![0]!["serving"] = Serving(2.05, 2, 2.2);
            Set(manifest, "cosineSimilarity", 0.88, null);
            Set(manifest, "meanDivergence", 0.0085, 0.0001);
        });
        Assert.Equal(ChangeKind.Different, Kind("generated tokens a second against the source"));
        Assert.Equal(ChangeKind.Worse, Kind("cosine similarity"));
        Assert.Equal(ChangeKind.Better, Kind("mean divergence"));

        ChangeKind Kind(string what)
        {
            using var old = PackedFiles.Open(Baseline);
            using var current = PackedFiles.Open(_checkpoint.Output);
            return PackageComparison.Compare(old, "1", current, "2").Lines.Single(l => l.What == what).Kind;
        }
    }

    private static JsonObject Serving(double median, double low, double high) => new()
    {
        ["ratios"] = new JsonArray(new JsonObject { ["metric"] = "generationTokensPerSecond", ["median"] = median, ["low"] = low, ["high"] = high }),
    };

    private static void Set(JsonNode manifest, string metric, double value, double? error)
    {
        var figure = manifest["outputs"]![0]!["metrics"]!.AsArray().First(m => (string)m!["name"]! == metric && (string)m["of"]! == "port")!.AsObject();
        figure["value"] = value;
        figure["error"] = error;
    }

    private static void Edit(string folder, Action<JsonNode> edit)
    {
        var path = Path.Combine(folder, Manifest.FileName);
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        edit(manifest);
        File.WriteAllText(path, manifest.ToJsonString());
    }

    private PackageContent Pack(string? source = null, bool isBuilt = true, IPortObserver? observer = null) => ModelPackage.Make(
        new PackageRequest(_checkpoint.Project, "Acme.Tiny", "", _checkpoint.Beside("staging"), [new PackagedPort("tiny", _checkpoint.Output, _checkpoint.Model, _checkpoint.Metadata, _checkpoint.Properties)])
        {
            Baseline = new ReleaseBaseline(Baseline, "1.0.0", "1.0.0", "1.0.1", _checkpoint.Beside("ModelPortSuppressions.xml"), source),
            IsBuilt = isBuilt,
        },
        observer ?? _observer,
        TestContext.Current.CancellationToken);

    private void Port(string output) =>
        PortPipeline.Run(_checkpoint.Request(output), _observer, TestContext.Current.CancellationToken);

    // Some of the text that comes with ModelPort.
    private string Text(string name, int start)
    {
        using var stream = typeof(ModelPackage).Assembly.GetManifestResourceStream("default-evaluation.txt")!;
        var path = _checkpoint.Beside(name);
        File.WriteAllText(path, new StreamReader(stream).ReadToEnd()[start..(start + 3000)]);
        return path;
    }
}
