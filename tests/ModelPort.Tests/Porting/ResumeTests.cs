using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Porting;

/// <summary>What a killed run wrote is gone on with as far as it is right, and the result is that of a run that nobody killed.</summary>
public sealed class ResumeTests : IClassFixture<ResumeTests.KilledRun>, IDisposable
{
    private const string Precisions = "BF16;Q8_0";
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, byte[]> _whole;

    public ResumeTests(KilledRun run)
    {
        _whole = run.Whole;
        Directory.CreateDirectory(_folder["killed"]);
        foreach (var file in Directory.GetFiles(run.Folder))
        {
            File.Copy(file, Path.Combine(_folder["killed"], Path.GetFileName(file)));
        }

        Assert.Equal(4, Directory.GetFiles(_folder["killed"], "*" + OutputFile.TemporarySuffix).Length);
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 12)];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_port_that_was_written_whole_is_not_written_again()
    {
        var before = Directory.GetFiles(_folder["killed"], "*.gguf" + OutputFile.TemporarySuffix).Select(File.GetLastWriteTimeUtc).ToArray();
        var recovered = Run(_folder["killed"], out var made, Precisions, commit: false);
        Assert.Equal(_whole.Values.Select(w => (long)w.Length).Order(), recovered.Order());
        AssertWhole(made);
        Assert.Equal(before, Directory.GetFiles(_folder["killed"], "*.gguf" + OutputFile.TemporarySuffix).Select(File.GetLastWriteTimeUtc));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_port_goes_on_from_where_it_was_killed(int seed)
    {
        var random = new Random(seed);
        var expected = new List<long>();
        foreach (var journal in Journals())
        {
            var lines = File.ReadAllLines(journal);
            var kept = random.Next(1, lines.Length + 1);
            // Cut in the middle of a line, as a kill may.
            File.WriteAllText(journal, string.Join('\n', lines[..kept]) + "\n" + (kept < lines.Length ? lines[kept][..^1] : ""));
            var position = kept == 1 ? 0 : long.Parse(lines[kept - 1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
            expected.Add(position);
            Overwrite(WrittenTo(journal), position, random);
        }

        Assert.Equal(expected.Order(), Run(_folder["killed"], out var made, Precisions).Order());
        AssertWhole(made);
        Assert.Empty(Directory.GetFiles(_folder["killed"], "*" + OutputFile.TemporarySuffix));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Bits_that_flip_in_a_journal_or_in_what_was_written_cost_work_and_nothing_else(int seed)
    {
        var random = new Random(1000 + seed);
        foreach (var path in Journals().Concat(Journals().Select(WrittenTo)).Where(_ => random.Next(2) == 0).ToArray())
        {
            var bytes = File.ReadAllBytes(path);
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bytes);
        }

        Run(_folder["killed"], out var made, Precisions);
        AssertWhole(made);
    }

    [Fact]
    public void Only_the_same_work_is_gone_on_with()
    {
        Assert.All(Run(_folder["killed"], out var made, Precisions, change: r => r with { Name = "renamed" }), recovered => Assert.Equal(0, recovered));
        Assert.Equal(_whole["BF16"].Length, made["BF16"].Length);
        Assert.All(Run(_folder["killed"], out made, "Q8_0", change: r => r.With(c => c with { Choice = new TensorChoice { Output = Formats.Gguf.GgmlType.F16 } })), recovered => Assert.Equal(0, recovered));
        Assert.NotEqual(_whole["Q8_0"], made["Q8_0"]);
    }

    [Fact]
    public void A_source_that_was_written_a_moment_ago_is_not_relied_on()
    {
        using var fresh = new DamagedCheckpoint("llama3-rope");
        var output = Directory.CreateDirectory(_folder["fresh"]).FullName;
        Run(output, out _, "Q8_0", commit: false, source: fresh.Model);
        Assert.Empty(Directory.GetFiles(output, "*.journal" + OutputFile.TemporarySuffix));
    }

    [Fact]
    public void Values_that_became_infinite_are_counted_again_by_the_run_that_goes_on()
    {
        using var checkpoint = new DamagedCheckpoint("llama3-rope");
        // 1e9 in BF16.
        checkpoint.EditTensors(t => t.Poke("model.layers.0.mlp.down_proj.weight", 3, 0x4E6E));
        Thread.Sleep(TimeSpan.FromSeconds(2.1));
        var output = Directory.CreateDirectory(_folder["overflow"]).FullName;
        var first = PortOnce(output, "F16", checkpoint.Model, commit: false, null).Result;
        var second = PortOnce(output, "F16", checkpoint.Model, commit: true, null).Result;
        Assert.Equal("MP2003", Assert.Single(first.Warnings).Code);
        Assert.Equal(first.Warnings, second.Warnings);
    }

    private static string WrittenTo(string journal) => journal.Replace(".journal", "", StringComparison.Ordinal);

    private static void Overwrite(string path, long from, Random random)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        var noise = new byte[RandomAccess.GetLength(file) - from];
        random.NextBytes(noise);
        RandomAccess.Write(file, noise, from);
    }

    private string[] Journals() => [.. Directory.GetFiles(_folder["killed"], "*.journal" + OutputFile.TemporarySuffix).Order(StringComparer.Ordinal)];

    private void AssertWhole(Dictionary<string, byte[]> made)
    {
        foreach (var (precision, content) in _whole)
        {
            Assert.True(content.AsSpan().SequenceEqual(made[precision]), precision);
        }
    }

    private static long[] Run(string folder, out Dictionary<string, byte[]> made, string precisions, bool commit = true, string? source = null, Func<PortRequest, PortRequest>? change = null)
    {
        var (_, recovered, contents) = PortOnce(folder, precisions, source ?? Repository.Sample, commit, change);
        made = contents;
        return recovered;
    }

    private static (PortResult Result, long[] Recovered, Dictionary<string, byte[]> Contents) PortOnce(string folder, string precisions, string source, bool commit, Func<PortRequest, PortRequest>? change)
    {
        var request = Ports.Request(source, precisions, folder) with { Threads = 2 };
        request = change?.Invoke(request) ?? request;
        using var checkpoint = Checkpoint.Open(source);
        var plan = Planner.Plan(checkpoint, request);
        var files = plan.Outputs.Select(o => OutputFiles.Continue(o, folder)).ToArray();
        var result = Porter.Run(plan, files, request, new QuietObserver(), TestContext.Current.CancellationToken);
        Assert.All(files.SelectMany(f => f.Files), f => Assert.Equal(64, f.Hash(TestContext.Current.CancellationToken).Length));
        var contents = files.ToDictionary(f => f.Plan.Precision.Name, f => f.Files.SelectMany(file => File.ReadAllBytes(file.TemporaryPath)).ToArray());
        foreach (var file in files.SelectMany(f => f.Files).Where(_ => commit))
        {
            file.Commit();
            file.Dispose();
        }

        // Without a commit they are left as a kill leaves them.
        return (result, [.. files.Select(f => f.Files.Sum(file => file.Recovered))], contents);
    }

    /// <summary>A run that is killed when all is written, and nothing has its name.</summary>
    public sealed class KilledRun : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public KilledRun()
        {
            Run(_folder.Path, out var whole, Precisions, commit: false);
            Whole = whole;
        }

        public string Folder => _folder.Path;

        public Dictionary<string, byte[]> Whole { get; }

        public void Dispose() => _folder.Dispose();
    }
}
