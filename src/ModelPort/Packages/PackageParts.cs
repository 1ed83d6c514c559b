namespace ModelPort.Packages;

/// <summary>A package that holds files of models for the package that depends on it.</summary>
/// <param name="Id">Its identity: that of the package that depends on it, and a number.</param>
/// <param name="Models">The models that it holds files of, each with those files alone.</param>
public sealed record PackagePart(string Id, IReadOnlyList<PackedModel> Models);

/// <summary>
/// Divides what is too large for one package: the files of the models' outputs go into parts, all that describes them stays together. Nothing here knows a format: that files are
/// small enough was decided when they were planned, and consumers find all of them in one folder.
/// </summary>
internal static class PackageParts
{
    private const string Suffix = ".Part";

    /// <summary>The identity of a part.</summary>
    /// <param name="package">The package that depends on it.</param>
    /// <param name="number">Its number, from 1.</param>
    public static string IdOf(string package, int number) => FormattableString.Invariant($"{package}{Suffix}{number}");

    /// <summary>Whether a package is a part of another.</summary>
    public static bool IsPart(string id, string package) =>
        id.StartsWith(package + Suffix, StringComparison.OrdinalIgnoreCase) && id.AsSpan(package.Length + Suffix.Length) is { IsEmpty: false } number && !number.ContainsAnyExceptInRange('0', '9');

    /// <summary>Fills one part after another, in the order of the models and their files.</summary>
    /// <param name="package">The package.</param>
    /// <param name="models">Its models.</param>
    /// <param name="limit">How large a package may be.</param>
    /// <returns>The parts; none where everything fits into one package, or nothing is split.</returns>
    public static IReadOnlyList<PackagePart> Divide(string package, IReadOnlyList<PackedModel> models, PackageLimit limit)
    {
        if (!limit.IsSplit || models.Sum(m => m.Files.Sum(f => f.Bytes)) <= limit.Payload)
        {
            return [];
        }

        var parts = new List<List<(PackedModel Model, PackedFile File)>>();
        long filled = 0;
        foreach (var (model, file) in models.SelectMany(m => m.OutputFiles.Select(f => (m, f))))
        {
            if (parts.Count == 0 || filled + file.Bytes > limit.Payload)
            {
                parts.Add([]);
                filled = 0;
            }

            parts[^1].Add((model, file));
            filled += file.Bytes;
        }

        return [.. parts.Select((files, i) => new PackagePart(IdOf(package, i + 1), [.. files.GroupBy(f => f.Model, f => f.File).Select(g => g.Key with { Files = [.. g] })]))];
    }
}
