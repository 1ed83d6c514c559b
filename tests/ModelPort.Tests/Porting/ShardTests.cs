using System.Runtime.InteropServices;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Porting;

/// <summary>A port that is cut into files is the same port: for the tensors, for llama.cpp, for parity, for the store, and for a run that was killed.</summary>
public sealed class ShardTests : IDisposable
{
    // Little more than the embedding in BF16.
    private const long Largest = 270_000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama3-rope", "Q8_0", 140_000)]
    [InlineData("mixtral-moe", "BF16", 530_000)]
    [InlineData("qwen3", "Q4_K_M", 140_000)]
    public void Shards_have_the_tensors_of_the_single_file_and_llama_cpp_computes_the_same_bits(string model, string precision, long largest)
    {
        var single = Ports.Make(Repository.Checkpoint(model), precision, _folder["single"])[precision];
        var first = Ports.Make(Repository.Checkpoint(model), precision, _folder["shards"], r => r with { SplitMaxSize = largest })[precision];
        var files = Directory.GetFiles(_folder["shards"]).Order(StringComparer.Ordinal).ToArray();
        Assert.True(files.Length >= 3, $"{files.Length} files");
        Assert.Equal(files.Select((_, i) => GgufSplit.FileName($"{model}-{precision}", i, files.Length)), files.Select(Path.GetFileName));
        Assert.Equal(files[0], first);
        Assert.All(files, f => Assert.InRange(new FileInfo(f).Length, 1, largest));
        GgufFiles.EqualTensors(single, first);
        using (var whole = GgufShards.Open(single))
        using (var shards = GgufShards.Open(files[^1]))
        {
            Assert.Equal(whole.Metadata, shards.Metadata);
        }

        Assert.Equal(Logits(single), Logits(first));
    }

    [Fact]
    public void A_killed_run_is_gone_on_with_and_leaves_nothing_that_looks_whole()
    {
        var request = Request("BF16;Q8_0");
        var whole = Port(_folder["whole"], request, commit: true);
        _ = Port(_folder["killed"], request, commit: false);
        Assert.Empty(Directory.GetFiles(_folder["killed"], "*.gguf"));

        // As a kill in the middle of the second file leaves it: the others cannot be told from whole ones, and this one's notes end early.
        var journal = Directory.GetFiles(_folder["killed"], "*Q8_0-00002-of-*.journal" + OutputFile.TemporarySuffix).Single();
        File.WriteAllLines(journal, File.ReadLines(journal).Take(1));
        OutputFile.DeleteLeftOvers(_folder["killed"], butResumable: true);
        var (contents, recovered) = Continue(_folder["killed"], request);
        Assert.Equal(whole, contents);
        var q8 = recovered.Where(r => r.Name.Contains("Q8_0", StringComparison.Ordinal)).ToArray();
        Assert.True(q8.Length > 3);
        Assert.Equal(q8.Where(r => !r.Name.Contains("-00002-", StringComparison.Ordinal)).Select(r => r.Length), q8.Where(r => r.Recovered > 0).Select(r => r.Recovered));

        OutputFile.DeleteLeftOvers(_folder["killed"], butResumable: false);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["killed"], "*" + OutputFile.TemporarySuffix));
    }

    [Fact]
    public void A_set_of_an_earlier_run_is_taken_apart_before_the_first_file_of_another_comes()
    {
        var request = Request("Q8_0");
        using var checkpoint = Checkpoint.Open(request.Source);
        var plan = Planner.Plan(checkpoint, request);
        var names = plan.Outputs[0].Files.Select(f => _folder[f.Name]).ToArray();
        Array.ForEach(names, n => File.WriteAllText(n, "old"));

        // What stands in the way of the third stops the run as a kill would.
        File.Delete(names[2]);
        Directory.CreateDirectory(Path.Combine(names[2], "in the way"));
        using var files = OutputFiles.Continue(plan.Outputs[0], _folder.Path);
        Porter.Run(plan, [files], request, new QuietObserver(), TestContext.Current.CancellationToken);
        using var ready = new ReadyPort(plan.Outputs[0], [.. files.Files.Select(f => new ReadyFile(f, f.Hash(TestContext.Current.CancellationToken)))], []);
        Assert.Equal("MP2001", Assert.Throws<ModelPortException>(ready.Commit).Diagnostic.Code);
        Assert.False(File.Exists(names[0]));
        Assert.NotEqual("old", File.ReadAllText(names[1]));
    }

    [Fact]
    public void What_is_measured_recorded_and_left_are_the_shards()
    {
        var request = Request("BF16;Q8_0").With(c => c with { EvaluationTokens = 512, EvaluationWindow = 128, Continuations = 1 }) with { OutputDirectory = _folder["out"], Parity = ParityMode.Warn, Threads = 1, Attribute = true };
        var single = Run(request with { SplitMaxSize = null });
        var split = Run(request);
        Assert.True(split.Ported);
        foreach (var (before, now) in single.Manifest.Outputs.Zip(split.Manifest.Outputs))
        {
            Assert.True(now.Files.Count > 3);
            Assert.Equal(now.Bytes, now.Files.Sum(f => f.Bytes));
            Assert.All(now.Files, f => Assert.Equal(f.Sha256, SourceHash.OfFile(Path.Combine(_folder["out"], f.Name), TestContext.Current.CancellationToken)));
            Assert.Equal(now.Files.Select(f => f.Name).Order(StringComparer.Ordinal), now.Files.Select(f => f.Name));

            // The same bits were evaluated; sizes and speeds alone differ.
            Assert.Equal(Measured(before), Measured(now));
            Assert.Equal(before.Attribution!.Header, now.Attribution!.Header);
            Assert.NotEqual(before.Sha256, now.Sha256);
        }

        // Nothing of the single files is left, nor of the shards when they go.
        Assert.Equal(split.Manifest.Outputs.SelectMany(o => o.Files).Select(f => f.Name).Order(StringComparer.Ordinal), Ported());
        Assert.False(Run(request).Ported);
        Assert.Equal("MP2010", Assert.Throws<ModelPortException>(() => Run(request with { SplitMaxSize = 20_000 })).Diagnostic.Code);
        File.Delete(Path.Combine(_folder["out"], split.Manifest.Outputs[0].Files[2].Name));
        Assert.True(Run(request).Ported);
        Assert.Equal(split.Manifest.Outputs[1].Files, Run(request).Manifest.Outputs[1].Files);
        _ = Run(request with { SplitMaxSize = null });
        Assert.Equal(["model-BF16.gguf", "model-Q8_0.gguf"], Ported());
    }

    [Fact]
    public void A_store_has_the_values_for_any_cut()
    {
        var request = Request("Q8_0") with { CacheDirectory = _folder["store"], Parity = ParityMode.Off, SplitMaxSize = null };
        var observer = new Witness();
        _ = Run(request with { OutputDirectory = _folder["a"] }, observer);
        var cut = Run(request with { OutputDirectory = _folder["b"], SplitMaxSize = Largest }, observer);
        Assert.Single(observer.Details, l => l.EndsWith("a new header before values from the cache", StringComparison.Ordinal));
        var again = Run(request with { OutputDirectory = _folder["c"], SplitMaxSize = Largest }, observer);
        Assert.Single(observer.Details, l => l.EndsWith("taken from the cache", StringComparison.Ordinal));
        Assert.Equal(cut.Manifest.Outputs[0].Files, again.Manifest.Outputs[0].Files);
        _ = Run(request with { OutputDirectory = _folder["d"], SplitMaxSize = 2 * Largest }, observer);
        Assert.Equal(2, observer.Details.Count(l => l.EndsWith("a new header before values from the cache", StringComparison.Ordinal)));
        Assert.All(observer.Warnings, w => Assert.Equal("MP3006", w.Code));
        var made = Ports.Make(request.Source, "Q8_0", _folder["made"], r => r with { Name = "model", SplitMaxSize = 2 * Largest })["Q8_0"];
        Assert.All(Directory.GetFiles(Path.GetDirectoryName(made)!), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(_folder["d"], Path.GetFileName(f)))));
    }

    [Theory]
    [InlineData("BF16", "tensor 'token_embd.weight'")]
    [InlineData("Q4_0", "the header, with the tokenizer,")]
    public void What_no_file_can_hold_is_an_error_before_anything_is_read(string precision, string named)
    {
        using var checkpoint = new DamagedCheckpoint();
        checkpoint.Metadata["Precision"] = precision;
        checkpoint.Metadata["SplitMaxSize"] = precision == "BF16" ? "60000" : "20000";
        checkpoint.Refused("MP2010", checkpoint.Model, named, checkpoint.Metadata["SplitMaxSize"], precision);
    }

    [Fact]
    public void A_size_for_packages_leaves_room_for_what_describes_them()
    {
        long? Of(params (string, string)[] properties) =>
            PortRequest.Parse("model", "out", new Dictionary<string, string>(), properties.ToDictionary(p => p.Item1, p => p.Item2), "app.csproj").SplitMaxSize;
        Assert.Null(Of());
        Assert.Null(Of(("Split", "false"), ("MaxPackageSize", "200MB")));
        Assert.InRange(Of(("Split", "true"))!.Value, 248_000_000, 249_500_000);
        Assert.InRange(Of(("MaxPackageSize", "200MB"))!.Value, 198_000_000, 199_500_000);
        Assert.Equal("MP1020", Assert.Throws<ModelPortException>(() => Of(("MaxPackageSize", "1KB"))).Diagnostic.Code);
        Assert.Equal("MP1020", Assert.Throws<ModelPortException>(() => Of(("Split", "maybe"))).Diagnostic.Code);
    }

    private static PortRequest Request(string precisions) => Ports.Request(Repository.Checkpoint("llama3-rope"), precisions) with { Name = "model", SplitMaxSize = Largest, Threads = 2 };

    private static PortOutcome Run(PortRequest request, IPortObserver? observer = null) => PortPipeline.Run(request, observer ?? new QuietObserver(), TestContext.Current.CancellationToken);

    private IEnumerable<string?> Ported() => Directory.GetFiles(_folder["out"], "*.gguf").Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static IEnumerable<(string, double)> Measured(OutputRecord output) =>
        output.Metrics.Where(f => f.Name != "fileSize" && f.Name != "evaluationTokensPerSecond").Select(f => ($"{f.Name} {f.Of} {f.Against}", f.Value));

    private static Dictionary<string, byte[]> Port(string folder, PortRequest request, bool commit)
    {
        using var checkpoint = Checkpoint.Open(request.Source);
        var plan = Planner.Plan(checkpoint, request);
        var outputs = plan.Outputs.Select(o => OutputFiles.Continue(o, folder)).ToArray();
        Porter.Run(plan, outputs, request, new QuietObserver(), TestContext.Current.CancellationToken);
        var files = outputs.SelectMany(o => o.Files).ToArray();
        Array.ForEach(files, f => f.Hash(TestContext.Current.CancellationToken));
        if (commit)
        {
            Array.ForEach(files, f => f.Commit());
        }

        // Without a commit they are left as a kill leaves them.
        return files.ToDictionary(f => Path.GetFileName(f.Path), f => File.ReadAllBytes(commit ? f.Path : f.TemporaryPath));
    }

    private static (Dictionary<string, byte[]> Contents, (string Name, long Length, long Recovered)[] Recovered) Continue(string folder, PortRequest request)
    {
        using var checkpoint = Checkpoint.Open(request.Source);
        var plan = Planner.Plan(checkpoint, request);
        var outputs = plan.Outputs.Select(o => OutputFiles.Continue(o, folder)).ToArray();
        Porter.Run(plan, outputs, request, new QuietObserver(), TestContext.Current.CancellationToken);
        var files = outputs.SelectMany(o => o.Files).ToArray();
        foreach (var file in files)
        {
            file.Hash(TestContext.Current.CancellationToken);
            file.Commit();
            file.Dispose();
        }

        return (
            files.ToDictionary(f => Path.GetFileName(f.Path), f => File.ReadAllBytes(f.Path)),
            [.. files.Select(f => (Path.GetFileName(f.Path), new FileInfo(f.Path).Length, f.Recovered))]);
    }

    private static byte[] Logits(string path)
    {
        using var model = LlamaModel.Load(LlamaRuntime.Load(), path);
        using var context = new LlamaContext(model, new LlamaContextOptions { ContextLength = 64, Threads = 1 });
        using var batch = new LlamaBatch(32);
        for (var i = 0; i < 32; i++)
        {
            batch.Add(10 + (i * 37 % 200), i, 0, wantLogits: true);
        }

        context.Decode(batch, TestContext.Current.CancellationToken);
        return [.. Enumerable.Range(0, 32).SelectMany(i => MemoryMarshal.AsBytes(context.Logits(i)).ToArray())];
    }
}
