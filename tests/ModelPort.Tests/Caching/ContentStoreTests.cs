using System.Runtime.Versioning;
using CsCheck;
using ModelPort.Caching;

namespace ModelPort.Tests.Caching;

/// <summary>The store by itself: what comes out is what went in, or nothing.</summary>
public sealed class ContentStoreTests : IDisposable
{
    private readonly StoreFixture _fixture = new();

    private IEnumerable<string> Warnings => _fixture.Observer.Warnings.Select(w => w.Code);

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9_000_000)]
    public void What_was_published_is_taken_whole_by_another_process_that_knows_the_key(int length)
    {
        StageKey key;
        using (var first = _fixture.Open())
        {
            (key, _) = _fixture.Put(first, "a", length);
        }

        using var second = _fixture.Open();
        var record = second.TryGetRecord(key)!;
        Assert.Equal(("test", "a", "of a"), (record.Stage, record.Subject, record.Values["note"]));
        Assert.True(second.TryTake(record.Objects["file"], _fixture["b"]));
        Assert.Equal(File.ReadAllBytes(_fixture["a"]), File.ReadAllBytes(_fixture["b"]));
        Assert.Null(second.TryGetRecord(StoreFixture.Key("other")));
        Assert.Empty(Warnings);
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Root, "tmp")));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Taking_costs_no_room_where_the_file_system_has_clones_or_links_and_nobody_can_write_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows gets clones or copies.");
        using var store = _fixture.Open();
        var (_, stored) = _fixture.Put(store, "a", 100_000);
        Assert.True(store.TryTake(stored, _fixture["b"]));
        var (output, kept) = (FileIdentity.Of(_fixture["b"])!, FileIdentity.Of(_fixture.PathOf(stored))!);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(_fixture.PathOf(stored)));
        Assert.True(output.Id != kept.Id || File.GetUnixFileMode(_fixture["b"]) == File.GetUnixFileMode(_fixture.PathOf(stored)));
    }

    [Fact]
    public void A_file_is_taken_over_another_and_over_itself_without_litter()
    {
        using var store = _fixture.Open();
        var (_, stored) = _fixture.Put(store, "a", 1000);
        _fixture.Write("b", 500, seed: 2);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(store.TryTake(stored, _fixture["b"]));
            Assert.Equal(File.ReadAllBytes(_fixture["a"]), File.ReadAllBytes(_fixture["b"]));
        }

        Assert.True(store.TryTake(stored, _fixture["a"]));
        Assert.Equal(["a", "b", "store"], Directory.GetFileSystemEntries(Path.GetDirectoryName(_fixture["a"])!).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_output_that_is_replaced_as_MSBuild_and_editors_do_it_leaves_the_store_alone()
    {
        using var store = _fixture.Open();
        var (_, stored) = _fixture.Put(store, "a", 1000);
        Assert.True(store.TryTake(stored, _fixture["b"]));
        // A copy, which MSBuild makes writable, and one that is written beside and renamed.
        File.Copy(_fixture["b"], _fixture["copy"]);
        FileTransfer.SetReadOnly(_fixture["copy"], false);
        File.WriteAllText(_fixture["copy"], "mine");
        File.WriteAllText(_fixture["new"], "mine");
        FileTransfer.Rename(_fixture["new"], _fixture["b"]);
        using var other = _fixture.Open();
        Assert.True(other.TryTake(stored, _fixture["c"]));
        Assert.Empty(Warnings);
    }

    [Fact]
    public void An_output_that_is_written_in_place_is_never_served_to_another()
    {
        using (var store = _fixture.Open())
        {
            var (_, stored) = _fixture.Put(store, "a", 1_000_000);
            Assert.True(store.TryTake(stored, _fixture["b"]));
            StoreFixture.Flip(_fixture["b"], 3_000_001);
        }

        using var next = _fixture.Open();
        var taken = next.TryTake(next.TryGetRecord(StoreFixture.Key("a"))!.Objects["file"], _fixture["c"]);
        // A clone is on its own; a link took the store's file with it, and is found out.
        Assert.Equal(taken, !Warnings.Any());
        Assert.Equal(taken ? [] : ["MP2041"], Warnings);
        if (taken)
        {
            Assert.Equal(File.ReadAllBytes(_fixture["a"]), File.ReadAllBytes(_fixture["c"]));
        }
        else
        {
            Assert.False(File.Exists(_fixture["c"]));
            _fixture.Put(next, "again", 1_000_000);
            Assert.True(next.TryTake(next.TryGetRecord(StoreFixture.Key("again"))!.Objects["file"], _fixture["c"]));
        }
    }

    [Fact]
    public void A_thousand_flipped_bits_of_objects_records_and_memos_are_found_or_harmless()
    {
        var random = new Random(7);
        var (path, _) = _fixture.Write("source", 50_000, seed: 3);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddHours(-1));
        var (found, harmless) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            StageKey key;
            StoredObject stored;
            string victim;
            using (var store = _fixture.Open())
            {
                (key, stored) = _fixture.Put(store, "a", 20_000);
                var memo = new HashMemo(store);
                var identity = FileIdentity.Of(path);
                memo.Remember(path, identity, HashMemo.Now + 10_000_000_000, memo.TryGet(path, identity) ?? StoreFixture.Hash(File.ReadAllBytes(path)));
                var memos = Directory.GetFiles(Path.Combine(_fixture.Root, "memo"), "*", SearchOption.AllDirectories);
                victim = (i % 3) switch { 0 => _fixture.PathOf(stored), 1 => _fixture.PathOf(key), _ => Assert.Single(memos) };
            }

            StoreFixture.Flip(victim, random.NextInt64(new FileInfo(victim).Length * 8));
            using var next = _fixture.Open();
            var isServed = next.TryGetRecord(key) is { } record && next.TryTake(record.Objects["file"], _fixture["b"]);
            Assert.Equal(i % 3 == 2, isServed);
            if (isServed)
            {
                Assert.Equal(File.ReadAllBytes(_fixture["a"]), File.ReadAllBytes(_fixture["b"]));
            }

            var remembered = new HashMemo(next).TryGet(path, FileIdentity.Of(path));
            Assert.True(remembered is null || remembered == StoreFixture.Hash(File.ReadAllBytes(path)));
            Assert.Equal(i % 3 != 2, remembered is not null);
            (found, harmless) = isServed && remembered is not null ? (found, harmless + 1) : (found + 1, harmless);
        }

        Assert.Equal((1000, 0), (found, harmless));
        Assert.Equal(667, Warnings.Count(c => c == "MP2041"));
    }

    [Theory]
    [InlineData(StoreVerification.Checksum, true)]
    [InlineData(StoreVerification.Sha256, true)]
    [InlineData(StoreVerification.Size, false)]
    public void The_policy_says_what_is_checked_and_the_length_always_is(StoreVerification policy, bool isFound)
    {
        using var store = _fixture.Open();
        var (_, stored) = _fixture.Put(store, "a", 10_000);
        StoreFixture.Flip(_fixture.PathOf(stored), 77);
        using (var next = _fixture.Open(policy))
        {
            Assert.Equal(!isFound, next.TryTake(stored, _fixture["b"]));
        }

        var (_, other) = _fixture.Put(store, "c", 10_000, seed: 5);
        FileTransfer.SetReadOnly(_fixture.PathOf(other), false);
        File.AppendAllText(_fixture.PathOf(other), "x");
        using var last = _fixture.Open(policy);
        Assert.False(last.TryTake(other, _fixture["d"]));
    }

    [Fact]
    public void A_record_is_no_other_keys_record()
    {
        using var store = _fixture.Open();
        var (key, _) = _fixture.Put(store, "a", 10);
        var other = StoreFixture.Key("b");
        Directory.CreateDirectory(Path.GetDirectoryName(_fixture.PathOf(other))!);
        File.Copy(_fixture.PathOf(key), _fixture.PathOf(other));
        Assert.Null(store.TryGetRecord(other));
        Assert.NotNull(store.TryGetRecord(key));
    }

    [Fact]
    public void Keys_differ_when_any_part_does_and_say_in_what()
    {
        Gen.Select(Gen.String.List[0, 4], Gen.String.List[0, 4]).Sample((a, b) =>
        {
            StageKey Key(List<string> values) => new("stage", values.Select((v, i) => new KeyPart($"part {i}", v)));
            Assert.Equal(a.SequenceEqual(b), Key(a).Value == Key(b).Value);
            Assert.Equal(a.SequenceEqual(b), KeyChange.Between(Key(a).Parts, Key(b).Parts).Count == 0);
        });
        Assert.NotEqual(new StageKey("a", new KeyPart("b", "")).Value, new StageKey("ab", new KeyPart("", "")).Value);
        Assert.Equal(
            ["Calibration changed: 000000000000 -> nothing", "Precision is new: Q8_0", "Size is gone: 4"],
            KeyChange.Between([new("Calibration", new string('0', 64)), new("Size", "4")], [new("Calibration", ""), new("Precision", "Q8_0")]));
    }

    [Fact]
    public void Checksums_are_those_of_the_bytes_however_many_threads_compute_them()
    {
        foreach (var length in new[] { 0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 13_000_000 })
        {
            var (path, _) = _fixture.Write("a", length);
            var expected = ContentChecksum.Of(File.ReadAllBytes(path));
            Assert.All([1, 2, 5], threads => Assert.Equal(expected, ContentChecksum.OfFile(path, threads, TestContext.Current.CancellationToken)));
        }
    }

    [Fact]
    public void A_store_that_cannot_be_made_is_one_warning_and_everything_goes_on_without_it()
    {
        File.WriteAllText(_fixture["store"], "in the way");
        using var store = _fixture.Open();
        Assert.False(store.IsOn);
        var (path, hash) = _fixture.Write("a", 10);
        Assert.Null(store.Publish(path, hash));
        Assert.Null(store.TryGetRecord(StoreFixture.Key("a")));
        Assert.Null(store.Lock(StoreFixture.Key("a"), "a"));
        Assert.False(store.TryTake(new StoredObject(hash, 10, new string('0', 32)), _fixture["b"]));
        Assert.Equal(["MP2040"], Warnings);
        Assert.Equal("in the way", File.ReadAllText(_fixture["store"]));
    }

    [Fact]
    public void A_store_that_vanishes_meanwhile_is_one_warning()
    {
        using var store = _fixture.Open();
        var (key, stored) = _fixture.Put(store, "a", 10);
        Directory.Delete(_fixture.Root, recursive: true);
        Assert.Null(store.TryGetRecord(key));
        Assert.False(store.TryTake(stored, _fixture["b"]));
        _fixture.Write("c", 10, seed: 8);
        Assert.Null(store.Publish(_fixture["c"], StoreFixture.Hash(File.ReadAllBytes(_fixture["c"]))));
        Assert.Null(store.Publish(_fixture["c"], StoreFixture.Hash(File.ReadAllBytes(_fixture["c"]))));
        Assert.False(store.IsOn);
        Assert.Equal(["MP2040"], Warnings);
    }

    [Fact]
    public async Task What_another_makes_is_waited_for_and_a_dead_ones_lock_is_free()
    {
        using var store = _fixture.Open();
        using var other = _fixture.Open();
        var key = StoreFixture.Key("work");
        var held = store.Lock(key, "a model");
        var waiting = Task.Run(() => other.Lock(key, "a model"), TestContext.Current.CancellationToken);
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);
        held!.Dispose();
        (await waiting)!.Dispose();
    }

    [Fact]
    public void Temporary_files_of_the_dead_go_and_those_of_the_living_stay()
    {
        using var living = _fixture.Open();
        var mark = Assert.Single(Directory.GetFiles(Path.Combine(_fixture.Root, "locks"), "run-*"));
        var ofLiving = Path.Combine(_fixture.Root, "tmp", Path.GetFileName(mark)[4..] + "-77");
        var ofDead = Path.Combine(_fixture.Root, "tmp", "0123456789abcdef0123456789abcdef-1");
        File.WriteAllText(ofLiving, "");
        File.WriteAllText(ofDead, "");
        var withoutMark = Path.Combine(_fixture.Root, "tmp", "ffffffffffffffffffffffffffffffff-1");
        var resumed = Path.Combine(_fixture.Root, "tmp", new string('0', 64));
        Array.ForEach([withoutMark, resumed], f => File.WriteAllText(f, ""));
        File.WriteAllText(Path.Combine(_fixture.Root, "locks", "run-0123456789abcdef0123456789abcdef"), "");
        using var next = _fixture.Open();
        Assert.True(File.Exists(ofLiving));
        Assert.False(File.Exists(ofDead));
        Assert.False(File.Exists(withoutMark));
        Assert.True(File.Exists(resumed));
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_fixture.Root, "locks"), "run-*").Length);
    }

    [Fact]
    public void Where_the_store_misses_its_layer_is_asked_and_what_it_gains_the_layer_is_told()
    {
        var layer = new Elsewhere();
        StageKey key;
        StoredObject stored;
        using (var store = _fixture.Open(layer: layer))
        {
            (key, stored) = _fixture.Put(store, "a", 5000);
        }

        Assert.Equal([key.Value], layer.Records.Keys);
        Assert.Equal([stored.Sha256], layer.Objects.Keys);
        Directory.Delete(_fixture.Root, recursive: true);
        using (var store = _fixture.Open(layer: layer))
        {
            Assert.True(store.TryTake(store.TryGetRecord(key)!.Objects["file"], _fixture["b"]));
            Assert.Equal(File.ReadAllBytes(_fixture["a"]), File.ReadAllBytes(_fixture["b"]));
        }

        layer.Objects[stored.Sha256][17] ^= 1;
        layer.Records[key.Value][40] ^= 1;
        Directory.Delete(_fixture.Root, recursive: true);
        using var last = _fixture.Open(layer: layer);
        Assert.Null(last.TryGetRecord(key));
        Assert.False(last.TryTake(stored, _fixture["c"]));
        Assert.Empty(Warnings);
    }

    [Theory]
    [InlineData("none", null)]
    [InlineData("NONE", null)]
    [InlineData("", null)]
    public void A_word_turns_the_store_off(string named, string? expected) => Assert.Equal(expected, StoreSettings.DirectoryOf(named));

    /// <summary>A layer in memory that gives what it has, damaged or not.</summary>
    private sealed class Elsewhere : IStoreLayer
    {
        public Dictionary<string, byte[]> Records { get; } = [];

        public Dictionary<string, byte[]> Objects { get; } = [];

        public bool TryFetchRecord(string key, Stream destination, CancellationToken cancellation)
        {
            if (Records.TryGetValue(key, out var content))
            {
                destination.Write(content);
                return true;
            }

            return false;
        }

        public bool TryFetchObject(string sha256, long expectedSize, string temporaryPath, CancellationToken cancellation)
        {
            if (Objects.TryGetValue(sha256, out var content))
            {
                File.WriteAllBytes(temporaryPath, content);
                return true;
            }

            return false;
        }

        public void StoreRecord(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation) => Records[key] = content.ToArray();

        public void StoreObject(string sha256, string path, CancellationToken cancellation) => Objects[sha256] = File.ReadAllBytes(path);
    }
}
