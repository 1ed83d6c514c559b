using ModelPort.Calibration;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Porting;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Porting;

/// <summary>Calibrations and measurements that were broken off are gone on with, to the last bit as if nobody had killed them.</summary>
public sealed class BrokenOffTests : IDisposable
{
    private const string Key = "a key";
    private readonly TemporaryFolder _folder = new();
    private readonly string _model;

    public BrokenOffTests() => _model = Ports.Make(Repository.Checkpoint("llama3-rope"), "F32", _folder.Path)["F32"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_calibration_goes_on_from_the_chunks_that_are_done(int chunks)
    {
        var whole = Calibrate(null, CancellationToken.None, out _);
        Assert.Equal(8, whole.ChunkCount);
        using var stop = new CancellationTokenSource();
        var path = _folder["sums"];
        Assert.ThrowsAny<OperationCanceledException>(() => Calibrate(new PartialSums(path, Key) { Interval = TimeSpan.Zero }, stop.Token, out _, done => Cancel(stop, done == chunks)));
        var resumed = Calibrate(new PartialSums(path, Key), Cancellation, out var told);
        Assert.Equal(8 - chunks, told);
        AssertSame(whole, resumed);
    }

    [Fact]
    public void Sums_that_are_damaged_or_of_another_matrix_are_passed_over()
    {
        var path = _folder["sums"];
        var whole = Calibrate(new PartialSums(path, Key) { Interval = TimeSpan.Zero }, Cancellation, out _);
        var sums = File.ReadAllBytes(path);
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            var damaged = (byte[])sums.Clone();
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, i == 0 ? sums[..^1] : damaged);
            Assert.Equal(0, new PartialSums(path, Key).Load(new ImportanceCollector("")));
        }

        File.WriteAllBytes(path, sums);
        Assert.Equal(0, new PartialSums(path, "another key").Load(new ImportanceCollector("")));
        Assert.Equal(whole.ChunkCount, new PartialSums(path, Key).Load(new ImportanceCollector("")));
    }

    [Fact]
    public void A_recording_goes_on_from_the_windows_that_are_done()
    {
        var windows = Windows();
        var (whole, all) = Record("first", windows);
        Assert.Equal(windows.Count * windows.Rows, all);
        foreach (var (name, kept) in new[] { ("middle", 0.5), ("end", 1.0) })
        {
            Directory.Move(_folder["first-killed"], _folder[name]);
            CutJournal(Path.Combine(_folder[name], "logits.journal" + OutputFile.TemporarySuffix), kept);
            var (again, rows) = Record(name, windows);
            Assert.True(whole.AsSpan().SequenceEqual(again), name);
            Assert.InRange(rows, 1, all - windows.Rows);
            Directory.Move(_folder[name + "-killed"], _folder["first-killed"]);
        }
    }

    [Fact]
    public void A_comparison_goes_on_from_the_windows_that_are_done()
    {
        var windows = Windows();
        var port = Ports.Make(Repository.Checkpoint("llama3-rope"), "Q8_0", _folder.Path)["Q8_0"];
        Record("first", windows);
        using var model = new Evaluator(LlamaRuntime.Load(), port, 1, PortRequest.DefaultMemoryBudget, Cancellation);
        using var logits = RecordedLogits.Open(Path.Combine(_folder["first-killed"], "logits" + OutputFile.TemporarySuffix), model.Model.VocabularySize);
        var (whole, tokens) = Compare(logits, model, Key);
        Assert.Equal(windows.Tokens, tokens);
        var log = File.ReadAllBytes(_folder["positions"]);
        var random = new Random(4);
        foreach (var change in new Func<byte[], byte[]>[] { b => b, b => b[..(b.Length / 2)], b => Flip(b, random), b => Flip(b, random), b => [] })
        {
            var changed = change((byte[])log.Clone());
            File.WriteAllBytes(_folder["positions"], changed);
            var (again, evaluated) = Compare(logits, model, Key);
            Assert.Equal(whole, again);
            Assert.InRange(evaluated, 512, changed.Length == 0 ? windows.Tokens : windows.Tokens - 1);
        }

        var (anew, allTokens) = Compare(logits, model, "another key");
        Assert.Equal(whole, anew);
        Assert.Equal(windows.Tokens, allTokens);
    }

    private static byte[] Flip(byte[] bytes, Random random)
    {
        // Behind the first batch, which stays.
        bytes[random.Next(bytes.Length * 3 / 4, bytes.Length)] ^= (byte)(1 << random.Next(8));
        return bytes;
    }

    private static void CutJournal(string path, double kept)
    {
        var lines = File.ReadAllLines(path);
        File.WriteAllLines(path, lines[..Math.Max(2, (int)(lines.Length * kept))]);
    }

    private static void Cancel(CancellationTokenSource stop, bool now)
    {
        if (now)
        {
            stop.Cancel();
        }
    }

    private static TokenWindows Windows()
    {
        var random = new Random(2);
        return new TokenWindows([.. Enumerable.Range(0, 16).Select(_ => Enumerable.Range(0, 512).Select(_ => random.Next(200)).ToArray())], 256, 255);
    }

    // The first thing told is what the log holds.
    private (PositionStatistics[] Positions, long Tokens) Compare(RecordedLogits logits, Evaluator model, string key)
    {
        var told = new List<int>();
        var positions = LogitComparison.Run(logits, model, LlamaCacheType.F16, told.Add, Cancellation, p => PositionLog.Open(_folder["positions"], key, logits.Windows, p)).Positions;
        return (positions, logits.Windows.Tokens - told[0]);
    }

    // As a kill leaves it when all rows are recorded.
    private (byte[] Content, int Rows) Record(string name, TokenWindows windows)
    {
        var folder = Directory.CreateDirectory(_folder[name]).FullName;
        var rows = 0;
        using var model = new Evaluator(LlamaRuntime.Load(), _model, 1, PortRequest.DefaultMemoryBudget, Cancellation);
        using var record = RecordedLogits.Record(
            Path.Combine(folder, "logits"),
            windows,
            model.Model.VocabularySize,
            "model",
            (write, log) => model.Run(
                windows,
                LlamaCacheType.F16,
                (window, row, logits) =>
                {
                    Interlocked.Increment(ref rows);
                    write(window, row, logits);
                },
                _ => { },
                Cancellation,
                log),
            Key);
        Directory.CreateDirectory(_folder[name + "-killed"]);
        foreach (var file in Directory.GetFiles(folder))
        {
            File.Copy(file, Path.Combine(_folder[name + "-killed"], Path.GetFileName(file)));
        }

        return (File.ReadAllBytes(record.TemporaryPath), rows);
    }

    private Formats.Importance.ImportanceMatrix Calibrate(PartialSums? partial, CancellationToken cancellation, out int told, Action<int>? after = null)
    {
        File.WriteAllText(_folder["calibration.txt"], File.ReadAllText(Path.Combine(Repository.Root, "samples", "data", "evaluation.txt")));
        var request = Ports.Request(Repository.Checkpoint("llama3-rope"), "F32").With(c => c with { CalibrationTokens = 8 * 64, CalibrationWindow = 64 }) with { Calibration = _folder["calibration.txt"], Threads = 1 };
        var count = 0;
        var observer = new Witness(_ => after?.Invoke(++count));
        var matrix = new Calibrator(request, (CalibrationText)CalibrationInput.Open(request)!, observer, cancellation).Run(_model, "model", "origin", partial);
        told = observer.Steps.Count;
        return matrix;
    }

    private static void AssertSame(Formats.Importance.ImportanceMatrix expected, Formats.Importance.ImportanceMatrix found)
    {
        using var first = new MemoryStream();
        using var second = new MemoryStream();
        expected.Write(first);
        found.Write(second);
        Assert.True(first.ToArray().AsSpan().SequenceEqual(second.ToArray()));
    }
}
