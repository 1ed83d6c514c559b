using ModelPort.Caching;

namespace ModelPort.Tests.Caching;

/// <summary>What the store holds, whether it is whole, and what goes first.</summary>
public sealed class StoreMaintenanceTests : IDisposable
{
    private readonly StoreFixture _fixture = new();

    private StoreMaintenance Maintenance => new(_fixture.Root);

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_store_that_is_not_there_is_empty()
    {
        Assert.Equal((0, 0L), (Maintenance.Content().Entries.Count, Maintenance.Content().Bytes));
        Assert.Equal(new StoreRemoval(0, 0, 0, 0), Maintenance.Prune(0, null));
        Assert.Equal(new StoreRemoval(0, 0, 0, 0), Maintenance.Clear());
        Assert.Empty(Maintenance.Verify(2, _ => { }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void What_was_not_used_for_longest_goes_first_and_a_use_counts()
    {
        var keys = Fill("a", "b", "c", "d");
        using (var store = _fixture.Open())
        {
            Assert.NotNull(store.TryGetRecord(keys[0]));
        }

        Assert.Equal("a", Maintenance.Content().Entries[0].Subject);
        var removal = Maintenance.Prune(25_000, null);
        Assert.Equal((2, 2), (removal.Entries, removal.Objects));
        Assert.Equal(["a", "d"], Maintenance.Content().Entries.Select(e => e.Subject));
        Assert.Equal(removal.Left, Maintenance.Content().Bytes);
        Assert.InRange(removal.Left, 20_000, 25_000);
    }

    [Fact]
    public void What_is_older_than_an_age_goes_whatever_the_size()
    {
        Fill("a", "b", "c");
        Assert.Equal(2, Maintenance.Prune(null, DateTime.UtcNow.AddMinutes(-90)).Entries);
        Assert.Equal(["c"], Maintenance.Content().Entries.Select(e => e.Subject));
    }

    [Fact]
    public void What_two_records_share_stays_until_both_are_gone()
    {
        StoredObject stored;
        using (var store = _fixture.Open())
        {
            (_, stored) = _fixture.Put(store, "a", 10_000);
            _fixture.Put(store, "b", 10_000);
        }

        Age("a", 3);
        Age("b", 2);
        Assert.Equal((1, 0), Removed(Maintenance.Prune(null, DateTime.UtcNow.AddHours(-2.5))));
        Assert.True(File.Exists(_fixture.PathOf(stored)));
        Assert.Equal((1, 1), Removed(Maintenance.Prune(null, DateTime.UtcNow.AddHours(-1))));
        Assert.False(File.Exists(_fixture.PathOf(stored)));
    }

    [Fact]
    public void What_a_running_build_has_used_is_never_removed()
    {
        var keys = Fill("a", "b");
        using (var running = _fixture.Open())
        {
            var record = running.TryGetRecord(keys[1])!;
            Assert.Equal((1, 1), Removed(Maintenance.Clear()));
            Assert.True(running.TryTake(record.Objects["file"], _fixture["taken"]));
            _fixture.Write("new", 5000, seed: 9);
            Assert.NotNull(running.Publish(_fixture["new"], StoreFixture.Hash(File.ReadAllBytes(_fixture["new"]))));
            Assert.Equal((0, 0), Removed(Maintenance.Prune(0, null)));
        }

        Assert.Equal((1, 1), Removed(Maintenance.Clear()));
    }

    [Fact]
    public void A_run_removes_what_is_over_the_limit_when_it_ends()
    {
        Fill("a", "b", "c");
        using (var store = _fixture.Open(maxBytes: 25_000))
        {
            _fixture.Put(store, "d", 10_000, seed: 7);
        }

        Assert.Equal(["d", "c"], Maintenance.Content().Entries.Select(e => e.Subject));
    }

    [Fact]
    public void Everything_is_verified_and_what_is_damaged_is_removed_and_named()
    {
        var keys = Fill("a", "b", "c");
        string[] victims = [_fixture.PathOf(keys[0]), Directory.GetFiles(Path.Combine(_fixture.Root, "cas"), "*", SearchOption.AllDirectories)[1]];
        Assert.Empty(Maintenance.Verify(2, _ => { }, TestContext.Current.CancellationToken));
        Array.ForEach(victims, v => StoreFixture.Flip(v, 1234));
        long read = 0;
        Assert.Equal(victims.Order(StringComparer.Ordinal), Maintenance.Verify(2, n => Interlocked.Add(ref read, n), TestContext.Current.CancellationToken));
        Assert.Equal(30_000, read);
        Assert.All(victims, v => Assert.False(File.Exists(v)));
    }

    private static (int, int) Removed(StoreRemoval removal) => (removal.Entries, removal.Objects);

    // Objects of 10,000 bytes, the first last used as many hours ago as there are.
    private StageKey[] Fill(params string[] names)
    {
        using var store = _fixture.Open();
        var keys = names.Select((n, i) => _fixture.Put(store, n, 10_000, seed: i).Key).ToArray();
        for (var i = 0; i < names.Length; i++)
        {
            Age(names[i], names.Length - i);
        }

        return keys;
    }

    private void Age(string name, double hours) => File.SetLastWriteTimeUtc(_fixture.PathOf(StoreFixture.Key(name)), DateTime.UtcNow.AddHours(-hours));
}
