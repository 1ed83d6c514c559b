using System.Globalization;
using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>
/// Holds a package that is being made against the release before: what is worse needs a reason, and the version number has to say how much changed. The gate always says what it
/// compared with, and what it found.
/// </summary>
internal static class ReleaseGate
{
    /// <summary>Compares and judges.</summary>
    /// <param name="request">The package, with its baseline.</param>
    /// <param name="entries">Its files.</param>
    /// <param name="observer">Told warnings.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The lines that the build prints, and an error for each reason to refuse the release.</returns>
    /// <exception cref="ModelPortException">MP5020 or MP5021: the baseline is no model package; MP5033: accepted differences cannot be read.</exception>
    public static (IReadOnlyList<string> Lines, IReadOnlyList<Diagnostic> Errors) Judge(PackageRequest request, IEnumerable<PackageEntry> entries, IPortObserver observer, CancellationToken cancellation)
    {
        var baseline = request.Baseline!;
        if (!Directory.Exists(baseline.Path) && !File.Exists(baseline.Path))
        {
            throw new ModelPortException(Diagnose.BaselineMissing(request.Project, request.PackageId, baseline.Version, baseline.Path));
        }

        using var before = PackedFiles.Open(baseline.Path);
        using var now = PackedFiles.Of(request.Project, entries);
        var (older, newer) = (PackageComparison.Read(before), PackageComparison.Read(now));
        var again = new BaselineMeasurement(request, before, observer, cancellation).Measure(older, newer);
        var compared = PackageComparison.Compare(older, baseline.Name, newer, $"{request.PackageId} {baseline.PackageVersion}".TrimEnd(), again.Numbers);
        var accepted = AcceptedDifferences.Read(baseline.Suppressions);
        var errors = new List<Diagnostic>();
        var lines = new List<string> { $"{request.PackageId}: compared with {baseline.Name}, {compared.Lines.Count} respects, {compared.Lines.Count(l => l.Kind != ChangeKind.None)} different; a {compared.VersionPart} change" };
        lines.AddRange(again.Notes);
        foreach (var line in compared.Lines.Where(l => l.Kind != ChangeKind.None))
        {
            var reason = accepted.FirstOrDefault(a => a.Covers(line, baseline.Version));
            var needsReason = line.Kind is ChangeKind.Worse or ChangeKind.Incomparable;
            lines.Add($"  {line.Model}: {line.What} {Or(line.Old)} -> {Or(line.New)}, {PackageComparison.Word(line.Kind)}{(needsReason && reason is not null ? $", accepted: {reason.Reason}" : "")}");
            if (needsReason && reason is null)
            {
                errors.Add(Diagnose.ReleaseRefused(request.Project, baseline.Name, line.Model, line.What, Or(line.Old), Or(line.New), PackageComparison.Word(line.Kind), baseline.Suppressions));
            }
        }

        foreach (var stale in accepted.Where(a => !compared.Lines.Any(l => l.Kind is ChangeKind.Worse or ChangeKind.Incomparable && a.Covers(l, baseline.Version))))
        {
            observer.Warn(Diagnose.StaleSuppression(baseline.Suppressions, stale.Model, stale.What, baseline.Name));
        }

        if (Lowest(baseline.Version, compared.VersionPart) is { } lowest && Parse(baseline.PackageVersion) is { } version && version.CompareTo(lowest) < 0)
        {
            errors.Add(Diagnose.VersionTooLow(request.Project, baseline.PackageVersion, baseline.Name, compared.VersionPart, lowest.ToString(3), string.Join("; ", compared.Lines.Where(l => l.Kind is not (ChangeKind.None or ChangeKind.Incomparable)).Take(5).Select(l => $"{l.What} of {l.Model} is {PackageComparison.Word(l.Kind)}"))));
        }

        return (lines, errors);
    }

    private static string Or(string value) => value.Length == 0 ? "none" : value;

    // Before 1.0.0 the second number says what breaks, by Semantic Versioning's common reading.
    private static Version? Lowest(string baseline, string part) => Parse(baseline) is not { } v ? null : part switch
    {
        "major" => v.Major > 0 ? new Version(v.Major + 1, 0, 0) : new Version(0, v.Minor + 1, 0),
        "minor" => v.Major > 0 ? new Version(v.Major, v.Minor + 1, 0) : new Version(0, v.Minor, v.Build + 1),
        _ => new Version(v.Major, v.Minor, v.Build + 1),
    };

    private static Version? Parse(string text)
    {
        var numbers = text.Split('-', '+')[0].Split('.');
        return numbers.Length is >= 1 and <= 4 && numbers.All(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? new Version(Number(0), Number(1), Number(2))
            : null;

        int Number(int i) => i < numbers.Length ? int.Parse(numbers[i], CultureInfo.InvariantCulture) : 0;
    }
}
