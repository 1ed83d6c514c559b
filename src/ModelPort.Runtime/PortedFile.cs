namespace ModelPort.Runtime;

/// <summary>A number that was measured of a ported file. docs/parity.md has the definition of each.</summary>
/// <param name="Name">Its name, for instance <c>perplexityIncrease</c>.</param>
/// <param name="Of">Whose number it is: <c>port</c> or <c>source</c>.</param>
/// <param name="Against">What it compares with: <c>source</c>, <c>referenceOutputs</c>, or null for a number that stands by itself.</param>
/// <param name="Value">The number.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="Unit">Its unit; null for a plain number.</param>
/// <param name="On">The task, the output or the batch size that it was measured on; null for all others.</param>
public sealed record PortedMetric(string Name, string Of, string? Against, double Value, double? Error, string? Unit, string? On);

/// <summary>A serving number of the port divided by the source's, from neighbouring rounds on one machine.</summary>
/// <param name="Metric">The name of the number, for instance <c>generationTokensPerSecond</c>.</param>
/// <param name="Median">The median over the rounds.</param>
/// <param name="Low">A quarter of the rounds are below.</param>
/// <param name="High">A quarter of the rounds are above.</param>
/// <param name="On">The batch size, such as <c>batch 8</c>, where several were timed; else null.</param>
public sealed record PortedRatio(string Metric, double Median, double Low, double High, string? On = null);

/// <summary>A file of a ported model that is one of several.</summary>
/// <param name="Path">The absolute path.</param>
/// <param name="Bytes">The length.</param>
/// <param name="Sha256">SHA-256 of the file, in lower-case hex.</param>
public sealed record PortedPart(string Path, long Bytes, string Sha256);

/// <summary>A model at one precision: one file, or several that lie together, of which engines are given the first.</summary>
public sealed class PortedFile
{
    private readonly string _manifest;

    internal PortedFile(string manifest) => _manifest = manifest;

    /// <summary>The absolute path that engines are given: of the file, or of the first one, beside which they find the others. Whether it is there and whole is not known before <see cref="VerifiedPath"/>.</summary>
    public string Path => Parts[0].Path;

    /// <summary>All files, in their order; one for a model that is not split.</summary>
    public required IReadOnlyList<PortedPart> Parts { get; init; }

    /// <summary>The precision, for instance Q4_K_M.</summary>
    public required string Precision { get; init; }

    /// <summary>The hardware that its graph was made for, for instance <c>tensorrt</c>; null for one that is as its source, and for a model of llama.cpp.</summary>
    public string? HardwareTarget { get; init; }

    /// <summary>Bytes of all files.</summary>
    public long Bytes => Parts.Sum(p => p.Bytes);

    /// <summary>What came of its budgets: <c>kept</c>, <c>missed</c> or <c>notMeasured</c>.</summary>
    public required string Verdict { get; init; }

    /// <summary>Every measured number, of the port and of the source.</summary>
    public required IReadOnlyList<PortedMetric> Metrics { get; init; }

    /// <summary>SHA-256 of each task that was asked, by its file's name.</summary>
    public required IReadOnlyDictionary<string, string> Tasks { get; init; }

    /// <summary>How fast and how large in memory it is against its source; empty where nobody measured that.</summary>
    public required IReadOnlyList<PortedRatio> ServingRatios { get; init; }

    /// <summary>The port's number of a name; null when it was not measured.</summary>
    /// <param name="name">The name, for instance <c>perplexityIncrease</c>.</param>
    /// <param name="on">The task; null for all that is not measured on tasks.</param>
    public double? Metric(string name, string? on = null) => Metrics.FirstOrDefault(m => m.Name == name && m.Of == "port" && m.On == on)?.Value;

    /// <summary>The path, once every file was found to be as it was ported. The first call reads them whole; later ones, of later processes too, only look whether they changed.</summary>
    /// <exception cref="PortedModelException">MP5003: a file is missing; MP5004: one was changed or damaged.</exception>
    public string VerifiedPath()
    {
        foreach (PortedPart part in Parts)
        {
            ContentCheck.Verify(part.Path, part.Bytes, part.Sha256, _manifest);
        }

        return Path;
    }

    /// <summary>Opens the file, or the first of several, once all are verified, for reading.</summary>
    /// <exception cref="PortedModelException">MP5003: a file is missing; MP5004: one was changed or damaged.</exception>
    public FileStream OpenRead() => new(VerifiedPath(), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
}
