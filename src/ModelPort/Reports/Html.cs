using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace ModelPort.Reports;

/// <summary>Elements of a page. Text and attributes come from models and files: building elements rather than strings leaves nothing to escape by hand.</summary>
internal static class Html
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>An element; content is text, elements, or lists of them.</summary>
    public static XElement Of(string name, params object?[] content) => new(name, content.Select(Clean));

    /// <summary>An element with a class.</summary>
    public static XElement Classed(string name, string @class, params object?[] content) => new(name, new XAttribute("class", @class), content.Select(Clean));

    /// <summary>A drawing that scales with the page, with a sentence for those who do not see it.</summary>
    public static XElement Drawing(int width, int height, string description, params object?[] content) =>
        Classed("div", "scroll", new XElement(Svg + "svg", new XAttribute("viewBox", $"0 0 {width} {height}"), new XAttribute("role", "img"), new XElement(Svg + "title", description), content));

    /// <summary>A shape of a drawing; attributes in pairs of name and value.</summary>
    public static XElement Shape(string name, string @class, params (string Name, double Value)[] attributes) =>
        new(Svg + name, new XAttribute("class", @class), attributes.Select(a => new XAttribute(a.Name, Number(a.Value))));

    /// <summary>Text in a drawing.</summary>
    public static XElement Label(string text, double x, double y, string anchor = "middle", string @class = "label") =>
        new(Svg + "text", new XAttribute("class", @class), new XAttribute("x", Number(x)), new XAttribute("y", Number(y)), new XAttribute("text-anchor", anchor), text);

    /// <summary>A table with heads; cells that begin with a digit or a sign are numbers.</summary>
    public static XElement Table(IEnumerable<string> heads, IEnumerable<object[]> rows) =>
        Classed("div", "scroll", Of("table",
            Of("thead", Of("tr", heads.Select(h => Of("th", h)))),
            Of("tbody", rows.Select(r => Of("tr", r.Select(Cell))))));

    private static XElement Cell(object content) =>
        content is string { Length: > 0 } text && (char.IsAsciiDigit(text[0]) || (text.Length > 1 && text[0] is '+' or '-' && char.IsAsciiDigit(text[1])))
            ? Classed("td", "number", text)
            : Of("td", content is "" ? "\u00a0" : content);

    // XML, and so a page built of it, has no place for control characters, half surrogates and noncharacters, whatever a model says.
    private static object? Clean(object? content) => content is string text
        ? string.Concat(text.EnumerateRunes().Select(r => (Rune.IsControl(r) && r.Value is not ('\n' or '\t')) || (r.Value & 0xFFFE) == 0xFFFE ? Rune.ReplacementChar : r))
        : content;

    private static string Number(double value) => Math.Round(value, 2).ToString(CultureInfo.InvariantCulture);
}
