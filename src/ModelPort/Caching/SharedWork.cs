namespace ModelPort.Caching;

/// <summary>The work of a run that other builds may want too: what is there already is taken, the rest is made by one build at a time, from the first thing that is missing to the end of the run.</summary>
/// <param name="store">What was made before, and where builds wait for each other.</param>
/// <param name="key">What builds that wait for each other want.</param>
/// <param name="name">The port, for those who wait.</param>
/// <param name="waited">Told when other builds are done, before what they made is looked for.</param>
internal sealed class SharedWork(ContentStore store, Func<StageKey> key, string name, Action? waited = null) : IDisposable
{
    private IDisposable? _held;
    private bool _hasWaited;

    /// <summary>What is found, or else made while no other build makes the same.</summary>
    public T Once<T>(Func<T?> find, Func<T> make)
        where T : class
    {
        if (find() is { } found)
        {
            return found;
        }

        if (!_hasWaited && store.IsOn)
        {
            _hasWaited = true;
            _held = store.Lock(key(), name);
            waited?.Invoke();
            if (_held is not null && find() is { } ofOther)
            {
                return ofOther;
            }
        }

        return make();
    }

    /// <summary>Lets the next build in.</summary>
    public void Dispose() => _held?.Dispose();
}
