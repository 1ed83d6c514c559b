using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace ModelPort.Build;

/// <summary>Items made from text as it is: MSBuild reads what a task puts into an item as escaped.</summary>
internal static class Escaped
{
    private const string Special = "%*?@$();'";

    /// <summary>An item whose specification and metadata read back exactly as given.</summary>
    public static TaskItem Item(string specification, params (string Name, string Value)[] metadata)
    {
        TaskItem item = new(Escape(specification));
        foreach ((string name, string value) in metadata)
        {
            ((ITaskItem2)item).SetMetadataValueLiteral(name, value);
        }

        return item;
    }

    private static string Escape(string text)
    {
        StringBuilder escaped = new(text.Length);
        foreach (char c in text)
        {
            _ = Special.IndexOf(c) < 0 ? escaped.Append(c) : escaped.Append('%').Append(((int)c).ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return escaped.ToString();
    }
}
