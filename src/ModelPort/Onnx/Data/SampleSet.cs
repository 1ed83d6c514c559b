using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;

namespace ModelPort.Onnx.Data;

/// <summary>What one run of a model is given.</summary>
/// <param name="First">The first sample, counted from 0.</param>
/// <param name="Count">Samples in it. The model may compute more, where it wants a fixed number and there are fewer left; those say nothing.</param>
/// <param name="Sequence">The sequence that the samples belong to: state is carried from run to run within one.</param>
/// <param name="Inputs">The inputs by name, but for those that carry state.</param>
internal sealed record SampleRun(long First, int Count, long Sequence, Dictionary<string, EngineValue> Inputs);

/// <summary>Inputs of a model from a data file, with what is known of the right outputs. Every sample is used; they are read a run at a time.</summary>
internal sealed class SampleSet : IDisposable
{
    private const string SequenceName = "sequence";
    private static readonly string[] LabelNames = ["labels", "label"];

    private readonly IDataTable _table;
    private readonly InputFeed[] _feeds;
    private DataColumn? _sequence;

    private SampleSet(IDataTable table, InputFeed[] feeds, long count)
    {
        (_table, _feeds, Count) = (table, feeds, count);
        Batch = feeds.Where(f => !f.IsShared).Select(f => f.Batch).DefaultIfEmpty(1).Max();
    }

    /// <summary>The file's name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The file that the user named.</summary>
    public string Path => _table.Files[0];

    /// <summary>Every file that samples come from.</summary>
    public IReadOnlyList<string> Files => _table.Files;

    /// <summary>Samples.</summary>
    public long Count { get; }

    /// <summary>Samples in a run: 1, unless the model wants another fixed number.</summary>
    public long Batch { get; }

    /// <summary>The right answers; null when the file has none.</summary>
    public DataColumn? Labels { get; private init; }

    /// <summary>Outputs that another program computed of the same inputs, by the names of the outputs.</summary>
    public required IReadOnlyDictionary<string, DataColumn> References { get; init; }

    /// <summary>Arrays that are neither input, label nor output.</summary>
    public required IReadOnlyList<string> Unused { get; init; }

    /// <summary>Opens data for a model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="signature">The model's inputs and outputs.</param>
    /// <param name="state">Inputs that outputs of the run before are given to.</param>
    /// <exception cref="ModelPortException">MP1081 to MP1085: the data are not those of the model.</exception>
    /// <exception cref="Formats.InvalidModelFileException">The file is damaged.</exception>
    public static SampleSet Open(string path, OnnxSignature signature, IReadOnlyCollection<string> state)
    {
        var table = DataFile.Open(path);
        try
        {
            return Open(table, signature, state);
        }
        catch
        {
            table.Dispose();
            throw;
        }
    }

    /// <summary>The samples in their order.</summary>
    /// <exception cref="ModelPortException">MP1084: NaN or infinity among the values.</exception>
    public IEnumerable<SampleRun> Runs()
    {
        for (long first = 0; first < Count; first += Batch)
        {
            yield return new SampleRun(first, (int)Math.Min(Batch, Count - first), SequenceOf(first), _feeds.ToDictionary(f => f.Input.Name, f => (EngineValue)f.Read(first, Batch), StringComparer.Ordinal));
        }
    }

    /// <summary>Whether the model takes so many samples in a run: any number where its first dimension is open, else the one that is fixed.</summary>
    public bool Takes(long size) => size == Batch || (_feeds.Any(f => !f.IsShared) && _feeds.Where(f => !f.IsShared).All(f => f.IsOpen));

    /// <summary>Runs of another size, for times alone: what comes after the last sample is the first again.</summary>
    /// <param name="size">Samples in a run, as many as the model <see cref="Takes"/>.</param>
    /// <param name="count">Runs at most: those of the model's own size are not repeated.</param>
    public IEnumerable<SampleRun> Batches(int size, int count) => size == Batch
        ? Runs().Take(count)
        : Enumerable.Range(0, count).Select(i => (long)i * size % Count).Select(first => new SampleRun(first, size, 0, _feeds.ToDictionary(f => f.Input.Name, f => (EngineValue)f.ReadAround(first, size), StringComparer.Ordinal)));

    /// <summary>Rows of labels or of reference outputs.</summary>
    /// <param name="column">The array.</param>
    /// <param name="first">The first sample.</param>
    /// <param name="count">Samples.</param>
    public EngineTensor Read(DataColumn column, long first, int count)
    {
        var bytes = new byte[checked(column.RowBytes * count)];
        _table.Read(column, first, bytes);
        return new EngineTensor(column.Type, [count, .. column.RowShape], bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _table.Dispose();

    private long SequenceOf(long sample) => _sequence is null ? 0 : Read(_sequence, sample, 1).As<long>()[0];

    private static SampleSet Open(IDataTable table, OnnxSignature signature, IReadOnlyCollection<string> state)
    {
        var path = table.Files[0];
        // An array without a name is for the only input.
        DataColumn[] columns = [.. table.Columns.Select(c => c.Name.Length == 0 && signature.Inputs is [var only] ? c with { Name = only.Name } : c)];
        DataColumn? Find(string name) => columns.FirstOrDefault(c => c.Name == name);
        var missing = signature.Inputs.FirstOrDefault(i => Find(i.Name) is null && !state.Contains(i.Name));
        if (missing is not null)
        {
            throw new ModelPortException(Diagnose.DataInputMissing(path, missing.ToString(), columns.Select(c => $"{c.Name}: {c}")));
        }

        var fed = signature.Inputs.Select(i => (Input: i, Column: Find(i.Name))).Where(f => f.Column is not null).ToArray();
        InputFeed[] feeds = [.. fed.Select(f => InputFeed.Fit(table, f.Input, f.Column!, fed.Where(o => o.Input != f.Input).Select(o => o.Column!.Rows).DefaultIfEmpty(0).Max()))];
        var counts = feeds.Where(f => !f.IsShared).Select(f => f.Rows).Distinct().ToArray();
        if (counts.Length > 1)
        {
            throw new ModelPortException(Diagnose.DataRows(path, $"inputs have different numbers of samples ({string.Join(", ", feeds.Where(f => !f.IsShared).Select(f => $"{f.Input.Name} {f.Rows}"))})"));
        }

        var count = counts is [var rows] ? rows : 1;
        if (count == 0 || feeds.Length == 0)
        {
            throw new ModelPortException(Diagnose.DataRows(path, "it has no samples"));
        }

        var labels = LabelNames.Select(Find).FirstOrDefault(c => c is not null);
        var references = signature.Outputs.Select(o => (o.Name, Column: Find("reference_" + o.Name) ?? Find(o.Name))).Where(r => r.Column is not null).ToDictionary(r => r.Name, r => r.Column!, StringComparer.Ordinal);
        var sequence = state.Count == 0 ? null : Find(SequenceName);
        if (sequence is not null && (sequence.Type != TensorType.Int64 || sequence.Shape.Length != 1))
        {
            throw new ModelPortException(Diagnose.DataRows(path, $"'{SequenceName}', which says what sequence each sample is of, is {sequence} and not Int64 [{count}]"));
        }

        if (references.Values.Append(labels).Append(sequence).OfType<DataColumn>().FirstOrDefault(c => c.Rows != count) is { } other)
        {
            throw new ModelPortException(Diagnose.DataRows(path, $"'{other.Name}' has {other.Rows} rows for {count} samples"));
        }

        return new SampleSet(table, feeds, count)
        {
            Labels = labels,
            References = references,
            _sequence = sequence,
            Unused = [.. columns.Where(c => c != labels && c != sequence && !references.ContainsValue(c) && feeds.All(f => f.Input.Name != c.Name)).Select(c => c.Name)],
        };
    }
}
