using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>The source of a release before, with the data of the release now: its files are measured on them.</summary>
internal interface IBaselineSource : IDisposable
{
    /// <summary>The source's identity.</summary>
    string Sha256 { get; }

    /// <summary>Where it lies.</summary>
    string Path { get; }

    /// <summary>What the data are called.</summary>
    string Data { get; }

    /// <summary>What was measured of a file before, from the store; null when it is not there.</summary>
    BaselineNumbers? Stored(PortedFile file);

    /// <summary>Measures a file, and keeps what was found.</summary>
    /// <param name="file">The file, as the release before has it.</param>
    /// <param name="path">Where the first of its files lies now, beside the others.</param>
    /// <param name="name">What listings of the store call it.</param>
    /// <exception cref="ModelPortException">It cannot be measured.</exception>
    BaselineNumbers Measure(PortedFile file, string path, string name);
}

/// <summary>What was measured of a file of a release before.</summary>
/// <param name="Positions">How many predictions were scored.</param>
/// <param name="Figures">Every number.</param>
internal sealed record BaselineNumbers(int Positions, IReadOnlyList<Figure> Figures);
