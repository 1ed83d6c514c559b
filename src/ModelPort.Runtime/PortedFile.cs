namespace ModelPort.Runtime;

/// <summary>A number that was measured of a ported file. docs/parity.md has the definition of each.</summary>
/// <param name="Name">Its name, for instance <c>perplexityIncrease</c>.</param>
/// <param name="Of">Whose number it is: <c>port</c> or <c>source</c>.</param>
/// <param name="Against">What it compares with: <c>source</c>, <c>referenceOutputs</c>, or null for a number that stands by itself.</param>
/// <param name="Value">The number.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="Unit">Its unit; null for a plain number.</param>
/// <param name="On">The task it was measured on; null for all that is not measured on tasks.</param>
public sealed record PortedMetric(string Name, string Of, string? Against, double Value, double? Error, string? Unit, string? On);

/// <summary>One ported file of a model.</summary>
public sealed class PortedFile
{
    private readonly string _manifest;

    internal PortedFile(string manifest) => _manifest = manifest;

    /// <summary>The absolute path. Whether the file is there and whole is not known before <see cref="VerifiedPath"/>.</summary>
    public required string Path { get; init; }

    /// <summary>The precision, for instance Q4_K_M.</summary>
    public required string Precision { get; init; }

    /// <summary>The length.</summary>
    public required long Bytes { get; init; }

    /// <summary>SHA-256 of the file, in lower-case hex.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What came of its budgets: <c>kept</c>, <c>missed</c> or <c>notMeasured</c>.</summary>
    public required string Verdict { get; init; }

    /// <summary>Every measured number, of the port and of the source.</summary>
    public required IReadOnlyList<PortedMetric> Metrics { get; init; }

    /// <summary>The port's number of a name; null when it was not measured.</summary>
    /// <param name="name">The name, for instance <c>perplexityIncrease</c>.</param>
    /// <param name="on">The task; null for all that is not measured on tasks.</param>
    public double? Metric(string name, string? on = null) => Metrics.FirstOrDefault(m => m.Name == name && m.Of == "port" && m.On == on)?.Value;

    /// <summary>The path, once the file was found to be as it was ported. The first call reads the whole file; later ones, of later processes too, only look whether it changed.</summary>
    /// <exception cref="PortedModelException">MP5003: the file is missing; MP5004: it was changed or damaged.</exception>
    public string VerifiedPath()
    {
        ContentCheck.Verify(Path, Bytes, Sha256, _manifest);
        return Path;
    }

    /// <summary>Opens the file, verified, for reading.</summary>
    /// <exception cref="PortedModelException">MP5003: the file is missing; MP5004: it was changed or damaged.</exception>
    public FileStream OpenRead() => new(VerifiedPath(), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
}
