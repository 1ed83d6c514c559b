using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>store</c>: a clean build with a warm store (the source's hash known, and not), checksum and hash of an output, a thousand flipped bits, and
/// builds at once on a cold store. Builds are processes of the tool, as MSBuild starts them.
/// </summary>
internal static class StoreBenchmark
{
    private const int Flips = 1000;

    // What was written within the clock's resolution is not remembered.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    internal static Command Command()
    {
        var source = new Argument<string>("source") { Description = "A checkpoint, for instance one made by synthesise." };
        var output = new Option<string>("--output") { Description = "Where ports and store go, on one file system.", Required = true };
        var precision = new Option<string>("--precision") { Description = "The precision.", DefaultValueFactory = _ => "BF16" };
        var rounds = new Option<int>("--rounds") { Description = "Alternating measurements.", DefaultValueFactory = _ => 5 };
        var builds = new Option<int>("--builds") { Description = "Builds at once.", DefaultValueFactory = _ => 8 };
        var command = new Command("store", "Clean builds with a warm store, flipped bits, builds at once.") { source, output, precision, rounds, builds };
        command.SetAction(parsed => new Run(Path.GetFullPath(parsed.GetValue(source)!), Path.GetFullPath(parsed.GetValue(output)!), parsed.GetValue(precision)!)
            .All(parsed.GetValue(rounds), parsed.GetValue(builds)));
        return command;
    }

    private sealed class Run(string source, string folder, string precision)
    {
        private string Store => Path.Combine(folder, "store");

        private string Memo => Path.Combine(Store, "memo");

        public int All(int rounds, int builds)
        {
            Directory.CreateDirectory(folder);
            Thread.Sleep(Settling);
            Warm(rounds);
            return Math.Max(Flip(), AtOnce(builds));
        }

        private void Warm(int rounds)
        {
            Remove(Store);
            var cold = Port("out");
            var (known, unknown, nothing) = (new List<double>(), new List<double>(), new List<double>());
            for (var round = 0; round < rounds; round++)
            {
                Remove(Path.Combine(folder, "out"));
                known.Add(Port("out"));
                nothing.Add(Port("out"));
                Remove(Path.Combine(folder, "out"));
                Remove(Memo);
                unknown.Add(Port("out"));
            }

            var port = Directory.GetFiles(Path.Combine(folder, "out"), "*.gguf").Single();
            var (bytes, ofSource) = (new FileInfo(port).Length, new DirectoryInfo(source).EnumerateFiles().Sum(f => f.Length));
            Print($"source {Sizes.Bytes(ofSource)}, output {Sizes.Bytes(bytes)}, {Environment.ProcessorCount} cores, medians of {rounds} rounds, whole processes");
            Print($"cold store:                             {cold:0.00} s");
            Print($"warm store, hash of the source known:   {Sample.Median(known):0.00} s");
            Print($"warm store, source to be hashed:        {Sample.Median(unknown):0.00} s ({ofSource / 1e9 / Math.Max(0.001, Sample.Median(unknown) - Sample.Median(known)):0.00} GB/s)");
            Print($"output and manifest there:              {Sample.Median(nothing):0.00} s");
            Print($"checksum of the output:                 {Time(() => ContentChecksum.OfFile(port, Environment.ProcessorCount, CancellationToken.None), bytes)}");
            Print($"SHA-256 of the output:                  {Time(() => SourceHash.OfFile(port, CancellationToken.None), bytes)}");
        }

        private int Flip()
        {
            Remove(Store);
            var random = new Random(1);
            var original = new byte[20_000];
            random.NextBytes(original);
            var (file, taken) = (Path.Combine(folder, "original"), Path.Combine(folder, "taken"));
            File.WriteAllBytes(file, original);
            var key = new StageKey("benchmark", new KeyPart("name", "flips"));
            var hash = SourceHash.OfFile(file, CancellationToken.None);
            var served = 0;
            for (var i = 0; i < Flips; i++)
            {
                using (var store = Open())
                {
                    store.PutRecord(StoreRecord.Of(key, "flips", new Dictionary<string, StoredObject> { ["file"] = store.Publish(file, hash)! }));
                }

                var victims = Directory.GetFiles(Path.Combine(Store, i % 2 == 0 ? "cas" : "ac"), "*", SearchOption.AllDirectories);
                FlipBit(victims.Single(), random);
                using var next = Open();
                served += next.TryGetRecord(key) is { } record && next.TryTake(record.Objects["file"], taken) ? 1 : 0;
                File.Delete(file);
                File.WriteAllBytes(file, original);
            }

            Print($"flipped bits of objects and records:    {Flips}, of which {Flips - served} were found and {served} served");
            return served;
        }

        private int AtOnce(int builds)
        {
            Remove(Store);
            var start = Stopwatch.GetTimestamp();
            var tools = Enumerable.Range(0, builds).Select(i => Start($"at-once-{i}")).ToArray();
            Array.ForEach(tools, End);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            string[] hashes = [.. Enumerable.Range(0, builds).SelectMany(i => Directory.GetFiles(Path.Combine(folder, $"at-once-{i}"), "*.gguf")).Select(f => SourceHash.OfFile(f, CancellationToken.None))];
            var right = hashes.Length == builds && hashes.Distinct().Count() == 1;
            Print($"{builds} builds at once on a cold store:      {seconds:0.00} s, {hashes.Length} outputs, {(right ? "all the same" : "NOT the same")}");
            return right ? 0 : 1;
        }

        private ContentStore Open() => ContentStore.Open(new StoreSettings(Store, StoreVerification.Checksum, long.MaxValue, 1), null, new QuietObserver(), CancellationToken.None);

        private static void FlipBit(string path, Random random)
        {
            FileTransfer.SetReadOnly(path, false);
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
            var offset = random.NextInt64(file.Length);
            file.Position = offset;
            int value = file.ReadByte();
            file.Position = offset;
            file.WriteByte((byte)(value ^ (1 << random.Next(8))));
        }

        private double Port(string output)
        {
            var start = Stopwatch.GetTimestamp();
            End(Start(output));
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        private Process Start(string output)
        {
            string[] arguments =
            [
                Path.Combine(AppContext.BaseDirectory, "ModelPort.Tool.dll"), "port", source, "--precision", precision, "--parity", "off", "--name", "benchmark",
                "--output", Path.Combine(folder, output), "--cache", Store,
            ];
            return Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }

        private static void End(Process tool)
        {
            using (tool)
            {
                var said = tool.StandardError.ReadToEnd();
                tool.WaitForExit();
                if (tool.ExitCode != 0)
                {
                    throw new InvalidOperationException($"The port ended with {tool.ExitCode}: {said}");
                }
            }
        }

        private static string Time(Action work, long bytes)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s ({bytes / 1e9 / seconds:0.0} GB/s)");
        }

        private static void Remove(string path)
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }

        private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
