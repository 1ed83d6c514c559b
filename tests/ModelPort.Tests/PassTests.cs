using System.Security.Cryptography;
using ModelPort.Manifests;
using ModelPort.Porting;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>The pass: what is recorded of files is computed while they are read and written.</summary>
public sealed class PassTests
{
    private const int Seeds = 20;

    public static TheoryData<int> Numbers() => [.. Enumerable.Range(0, Seeds)];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_manifest_holds_the_hashes_of_every_file_read_and_written(bool sharded)
    {
        using var checkpoint = new DamagedCheckpoint("mixtral-moe");
        if (sharded)
        {
            checkpoint.Shard(experts: [1, 6]);
        }

        checkpoint.Metadata["Precision"] = "BF16;Q8_0;Q4_K_M";
        var manifest = Port(checkpoint, out var ported);
        Assert.True(ported);
        Assert.Equal(3, manifest.Outputs.Count);
        Assert.Equal(sharded ? 2 : 1, manifest.Source.Files.Count(f => f.Name.EndsWith(".safetensors", StringComparison.Ordinal)));
        Assert.All(manifest.Source.Files, f => Assert.Equal(Hash(checkpoint[f.Name]), f.Sha256));
        Assert.All(manifest.Outputs, o => Assert.Equal(Hash(Path.Combine(checkpoint.Output, o.FileName)), o.Sha256));

        Port(checkpoint, out ported);
        Assert.False(ported);
    }

    [Fact]
    public void A_source_that_changed_between_two_ports_is_recorded_as_it_is_now()
    {
        using var checkpoint = new DamagedCheckpoint("llama3-rope");
        var earlier = Port(checkpoint, out _);
        checkpoint.EditTensors(t => t.Poke("model.norm.weight", 3, 0x3F80));
        var later = Port(checkpoint, out var ported);
        Assert.True(ported);
        Assert.NotEqual(earlier.Source.Sha256, later.Source.Sha256);
        Assert.All(later.Source.Files, f => Assert.Equal(Hash(checkpoint[f.Name]), f.Sha256));
        Assert.All(later.Outputs, o => Assert.Equal(Hash(Path.Combine(checkpoint.Output, o.FileName)), o.Sha256));
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Slices_are_handed_out_in_order_and_all_before_the_first_open_one_are_done(int seed)
    {
        var random = new Random(seed);
        var slices = Enumerable.Range(0, 200).Select(i => new Slice(i, 0, 0, 0, 1, 1)).ToArray();
        using var queue = new SliceQueue(slices);
        var open = new List<SliceQueue.Ticket>();
        var done = new HashSet<int>();
        var (taken, settled) = (0, -1);
        while (done.Count < slices.Length)
        {
            if (open.Count < 5 && taken < slices.Length)
            {
                var ticket = queue.Take();
                Assert.Equal(taken++, ticket!.Slice.Tensor);
                open.Add(ticket);
                continue;
            }

            var chosen = open[random.Next(open.Count)];
            open.Remove(chosen);
            done.Add(chosen.Slice.Tensor);
            var last = queue.Done(chosen);
            var expected = Enumerable.Range(0, slices.Length).TakeWhile(done.Contains).Count() - 1;
            Assert.Equal(expected > settled ? expected : null, last?.Tensor);
            settled = expected;
        }

        Assert.Null(queue.Take());
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_hash_that_follows_a_file_is_that_of_the_whole_file_whoever_offers_what_in_whatever_order(int seed)
    {
        var random = new Random(seed);
        using var folder = new TemporaryFolder();
        // More than may wait, so that some of it has to be read again.
        var content = new byte[random.Next(20_000_000)];
        random.NextBytes(content);
        using var handle = File.OpenHandle(folder["file"], FileMode.Create, FileAccess.ReadWrite);
        using var hash = new FollowingHash(handle, RunningHash.Sha256());
        var pieces = new List<Range>();
        for (var start = 0; start < content.Length;)
        {
            var end = Math.Min(content.Length, start + random.Next(1, 400_000));
            pieces.Add(start..end);
            start = end;
        }

        // Order is lost over a few places, more or less of them, and some pieces are not offered at all.
        var disorder = random.Next(1, 60);
        var order = pieces.Select((piece, i) => (Piece: piece, Key: i + random.Next(disorder))).OrderBy(p => p.Key).Select(p => p.Piece).ToArray();
        var written = new HashSet<int>();
        Parallel.ForEach(order, new ParallelOptions { MaxDegreeOfParallelism = 3, CancellationToken = TestContext.Current.CancellationToken }, piece =>
        {
            var bytes = content.AsSpan(piece);
            RandomAccess.Write(handle, bytes, piece.Start.Value);
            if (piece.Start.Value % 7 > 0)
            {
                hash.Offer(piece.Start.Value, bytes);
            }

            int settled;
            lock (written)
            {
                written.Add(piece.Start.Value);
                settled = pieces.TakeWhile(p => written.Contains(p.Start.Value)).LastOrDefault().End.Value;
            }

            hash.Follow(settled, CancellationToken.None);
        });
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), hash.Complete(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_hash_that_broke_off_is_never_given()
    {
        using var folder = new TemporaryFolder();
        using var handle = File.OpenHandle(folder["file"], FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.None, 1 << 20);
        using var hash = new FollowingHash(handle, RunningHash.Sha256());
        Assert.Throws<OperationCanceledException>(() => hash.Follow(1 << 20, new CancellationToken(canceled: true)));
        Assert.Throws<InvalidOperationException>(() => hash.Complete(CancellationToken.None));
    }

    private static Manifest Port(DamagedCheckpoint checkpoint, out bool ported)
    {
        var outcome = PortPipeline.Run(checkpoint.Request(), checkpoint.Observer, TestContext.Current.CancellationToken);
        ported = outcome.Ported;
        return outcome.Manifest;
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
