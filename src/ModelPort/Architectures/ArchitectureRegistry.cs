using System.Reflection;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Architectures;

/// <summary>All families of this assembly, by the class names they serve.</summary>
public static class ArchitectureRegistry
{
    private static readonly Lazy<SortedDictionary<string, ArchitectureTable>> Tables = new(Discover);

    /// <summary>The class names that can be ported, sorted.</summary>
    public static IReadOnlyCollection<string> ClassNames => Tables.Value.Keys;

    /// <summary>The table that serves a checkpoint.</summary>
    /// <exception cref="ModelPortException">MP1012: none does; the message lists those that are served. MP1013: config.json names none.</exception>
    public static ArchitectureTable Find(Checkpoint checkpoint)
    {
        var name = checkpoint.ArchitectureName;
        if (name.Length == 0)
        {
            throw new ModelPortException(Diagnose.ConfigKey(checkpoint.ConfigPath, "architectures", "missing or empty", $"a list with one of {string.Join(", ", ClassNames)}"));
        }

        return Tables.Value.TryGetValue(name, out var table)
            ? table
            : throw new ModelPortException(Diagnose.UnsupportedArchitecture(checkpoint.ConfigPath, name, ClassNames, Nearest.To(name, ClassNames)));
    }

    private static SortedDictionary<string, ArchitectureTable> Discover()
    {
        var tables = new SortedDictionary<string, ArchitectureTable>(StringComparer.Ordinal);
        var families = typeof(ArchitectureRegistry).Assembly.GetTypes().Where(t => !t.IsInterface && typeof(IArchitecture).IsAssignableFrom(t));
        foreach (var family in families)
        {
            var table = (ArchitectureTable)family.GetProperty(nameof(IArchitecture.Table), BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
            foreach (var name in table.ClassNames)
            {
                tables.Add(name, table);
            }
        }

        return tables;
    }
}
