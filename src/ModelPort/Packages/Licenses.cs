namespace ModelPort.Packages;

/// <summary>
/// The identifiers that model cards use for licences (https://huggingface.co/docs/hub/repositories-licenses) as SPDX identifiers (https://spdx.org/licenses). Licences that SPDX
/// does not list, such as those of model makers, have none.
/// </summary>
internal static class Licenses
{
    private static readonly Dictionary<string, string> Spdx = new[]
    {
        "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "AFL-3.0", "Artistic-2.0", "BSL-1.0", "CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0",
        "CC-BY-SA-4.0", "CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CDLA-Sharing-1.0",
        "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "WTFPL", "ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1", "EUPL-1.2", "ISC", "LPPL-1.3c", "MS-PL", "MPL-2.0", "ODbL-1.0", "OFL-1.1", "OSL-3.0", "PostgreSQL",
        "NCSA", "Unlicense", "Zlib", "AGPL-3.0-only", "GPL-2.0-only", "GPL-3.0-only", "LGPL-2.1-only", "LGPL-3.0-only",
    }.ToDictionary(id => id.Replace("-only", "", StringComparison.Ordinal), StringComparer.OrdinalIgnoreCase);

    /// <summary>The SPDX expression for what a model card names; null when a part of it has none.</summary>
    /// <param name="named">The identifiers of all sources, comma-separated where a card has several.</param>
    public static string? Expression(IEnumerable<string?> named)
    {
        string?[] known = [.. named.SelectMany(n => (n ?? "").Split(',', StringSplitOptions.TrimEntries)).Select(Spdx.GetValueOrDefault).Distinct()];
        return known.Length == 0 || known.Contains(null) ? null : string.Join(" AND ", known);
    }
}
