using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Caching;

/// <summary>Remembered hashes are never wrong, whatever clocks and people do.</summary>
public sealed class HashMemoTests : IDisposable
{
    private const long Second = 1_000_000_000;

    private readonly StoreFixture _fixture = new();
    private readonly ContentStore _store;

    public HashMemoTests() => _store = _fixture.Open();

    public void Dispose()
    {
        _store.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void A_file_that_has_not_changed_is_not_read_again()
    {
        var path = Old("a");
        Assert.Null(Remembered(path));
        new HashMemo(_store).Remember(path, FileIdentity.Of(path), Later, "0".PadLeft(64, '0'));
        Assert.Equal("0".PadLeft(64, '0'), Remembered(path));
        using var off = ContentStore.Open(new StoreSettings(null, default, 0, 1), null, _fixture.Observer, TestContext.Current.CancellationToken);
        Assert.Null(new HashMemo(off).TryGet(path, FileIdentity.Of(path)));
    }

    [Fact]
    public void A_file_that_changed_just_now_or_in_the_future_is_not_remembered()
    {
        var (path, hash) = _fixture.Write("a", 100);
        var identity = FileIdentity.Of(path)!;
        var memo = new HashMemo(_store);
        foreach (var began in new[] { identity.Changed - 3600 * Second, identity.Changed - Second, identity.Changed, identity.Changed + 2 * Second - 1 })
        {
            memo.Remember(path, identity, began, hash);
            Assert.Null(Remembered(path));
        }

        memo.Remember(path, identity, identity.Changed + 2 * Second, hash);
        Assert.Equal(hash, Remembered(path));
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddDays(1));
        memo.Remember(path, FileIdentity.Of(path), Later, hash);
        Assert.Null(Remembered(path));
    }

    [Fact]
    public void A_file_that_changed_while_it_was_read_is_not_remembered()
    {
        var path = Old("a");
        var before = FileIdentity.Of(path);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddHours(-2));
        new HashMemo(_store).Remember(path, before, Later, new string('1', 64));
        Assert.Null(Remembered(path));
    }

    [Theory]
    [InlineData("length")]
    [InlineData("content with the old time")]
    [InlineData("another file with the old time")]
    [InlineData("touched")]
    public void A_change_is_seen_although_times_lie(string change)
    {
        var path = Old("a");
        new HashMemo(_store).Remember(path, FileIdentity.Of(path), Later, new string('1', 64));
        Assert.NotNull(Remembered(path));
        var time = File.GetLastWriteTimeUtc(path);
        switch (change)
        {
            case "length":
                File.AppendAllText(path, "x");
                break;
            case "content with the old time":
                StoreFixture.Flip(path, 9);
                break;
            case "another file with the old time":
                var (other, _) = _fixture.Write("b", 100, seed: 2);
                File.Move(other, path, overwrite: true);
                break;
        }

        File.SetLastWriteTimeUtc(path, change == "touched" ? time.AddSeconds(1) : time);
        Assert.Null(Remembered(path));
    }

    [Fact]
    public void An_entry_that_somebody_wrote_by_hand_is_ignored()
    {
        var path = Old("a");
        new HashMemo(_store).Remember(path, FileIdentity.Of(path), Later, new string('1', 64));
        var entry = Assert.Single(Directory.GetFiles(Path.Combine(_fixture.Root, "memo"), "*", SearchOption.AllDirectories));
        var lines = File.ReadAllLines(entry);
        foreach (var edited in new[] { [lines[0], new string('2', 64), .. lines[2..]], lines[..^1], [], [.. lines, "more"] })
        {
            File.WriteAllText(entry, string.Concat(edited.Select(l => l + "\n")));
            Assert.Null(Remembered(path));
        }
    }

    [Fact]
    public void The_memo_of_a_path_is_not_that_of_another()
    {
        var path = Old("a");
        new HashMemo(_store).Remember(path, FileIdentity.Of(path), Later, new string('1', 64));
        Assert.Null(new HashMemo(_store).TryGet(_fixture["b"], FileIdentity.Of(path)));
    }

    [Fact]
    public void A_source_is_hashed_once_and_then_known_until_a_file_changes()
    {
        using var model = new DamagedCheckpoint();
        var reads = new Witness();
        SourceHash? Hash(bool require)
        {
            using var checkpoint = Checkpoint.Open(model.Model);
            var identity = new SourceIdentity(checkpoint.Folder, checkpoint.Files, new HashMemo(_store), 2, reads, TestContext.Current.CancellationToken);
            return require ? identity.Require() : identity.Known;
        }

        // The files have just been copied.
        var first = Hash(require: true);
        Assert.Null(Hash(require: false));
        Thread.Sleep(2200);
        Assert.Equal(first!.Value, Hash(require: true)!.Value);
        Assert.Equal(first.Value, Hash(require: false)!.Value);
        var before = reads.Steps.Count;
        model.EditConfig(c => c["bos_token_id"] = 1);
        Assert.Null(Hash(require: false));
        Assert.NotEqual(first.Value, Hash(require: true)!.Value);
        Assert.Equal(["config.json"], reads.Steps.Skip(before).Select(p => p.Text).Distinct());
    }

    private static long Later => HashMemo.Now + 10 * Second;

    private string Old(string name)
    {
        var (path, _) = _fixture.Write(name, 100);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddHours(-1));
        return path;
    }

    private string? Remembered(string path) => new HashMemo(_store).TryGet(path, FileIdentity.Of(path));
}
