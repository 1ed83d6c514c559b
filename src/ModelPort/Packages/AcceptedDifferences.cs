using System.Xml;
using System.Xml.Linq;
using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>A difference to the release before that somebody accepted, with a reason.</summary>
/// <param name="Model">The model and precision, as the gate prints them.</param>
/// <param name="What">What differs; <c>*</c> for all that does.</param>
/// <param name="Baseline">The version that it was accepted against.</param>
/// <param name="Reason">Why.</param>
public sealed record AcceptedDifference(string Model, string What, string Baseline, string Reason)
{
    /// <summary>Whether it is about a difference.</summary>
    public bool Covers(ComparedLine line, string baseline) => Model == line.Model && (What == line.What || What == "*") && (Baseline.Length == 0 || Baseline == baseline);
}

/// <summary>
/// The file ModelPortSuppressions.xml, checked in beside a project: <c>&lt;Suppressions&gt;&lt;Suppression Model="" What="" Baseline=""&gt;the reason&lt;/Suppression&gt;...</c>.
/// </summary>
public static class AcceptedDifferences
{
    /// <summary>Reads the file; none when it does not exist.</summary>
    /// <exception cref="ModelPortException">MP5033: the file cannot be read, or an entry has no reason.</exception>
    public static IReadOnlyList<AcceptedDifference> Read(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        try
        {
            return [.. XDocument.Load(path).Root!.Elements("Suppression").Select(e => Read(path, e))];
        }
        catch (Exception e) when (e is XmlException or IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.BadSuppressions(path, e.Message), e);
        }
    }

    private static AcceptedDifference Read(string path, XElement element)
    {
        string Attribute(string name) => (string?)element.Attribute(name) ?? "";
        var read = new AcceptedDifference(Attribute("Model"), Attribute("What"), Attribute("Baseline"), element.Value.Trim());
        return read.Model.Length == 0 || read.What.Length == 0 ? throw new ModelPortException(Diagnose.BadSuppressions(path, $"an entry has no Model or no What: {element}"))
            : read.Reason.Length == 0 ? throw new ModelPortException(Diagnose.BadSuppressions(path, $"the entry for {read.What} of {read.Model} has no reason"))
            : read;
    }
}
