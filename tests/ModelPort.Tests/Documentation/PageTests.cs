using System.Globalization;
using System.Text.RegularExpressions;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Documentation;

/// <summary>The pages as a whole: their links, and the rooms that they describe.</summary>
public sealed partial class PageTests
{
    private static readonly string[] Pages =
    [
        .. Directory.GetFiles(Repository.Root, "*.md"),
        .. new[] { "docs", "src", "samples", "build" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories)).Where(IsOfTheRepository),
    ];

    [Fact]
    public void Every_link_leads_to_a_file_and_to_a_heading()
    {
        var links = (from page in Pages
                     from link in Link().Matches(File.ReadAllText(page)).Select(m => m.Groups[1].Value.Split('#'))
                     where !link[0].Contains(':', StringComparison.Ordinal)
                     select (Page: page, Target: link[0].Length == 0 ? page : Path.GetFullPath(link[0], Path.GetDirectoryName(page)!), Heading: link.ElementAtOrDefault(1))).ToArray();
        Assert.True(links.Length > 100);
        Assert.All(links, link =>
        {
            Assert.True(Path.Exists(link.Target), $"{link.Page}: {link.Target}");
            Assert.True(link.Heading is null || Headings(link.Target).Contains(link.Heading), $"{link.Page}: {link.Target}#{link.Heading}");
        });
    }

    [Fact]
    public void The_page_of_the_architecture_names_every_room_and_every_folder_in_it()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "architecture.md"));
        string[] rooms = [.. new[] { "src", "tests" }.SelectMany(f => Directory.GetDirectories(Path.Combine(Repository.Root, f)))];
        string[] folders = [.. rooms.Where(IsDomain).SelectMany(f => Directory.GetDirectories(f, "*", SearchOption.AllDirectories)).Where(f => IsOfTheRepository(f) && Directory.EnumerateFiles(f, "*.cs").Any())];
        Assert.True(folders.Length > 20);
        Assert.All(rooms.Where(HasFiles).Concat(folders), folder => Assert.Matches($@"\b{Regex.Escape(Path.GetFileName(folder))}\b", page));
    }

    // As GitHub makes anchors of headings: in lower case, without punctuation, with hyphens for spaces.
    private static HashSet<string> Headings(string page) =>
        [.. Heading().Matches(File.ReadAllText(page)).Select(m => string.Concat(m.Groups[1].Value.Trim().ToLower(CultureInfo.InvariantCulture).Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')).Replace(' ', '-'))];

    private static bool IsDomain(string room) => Path.GetFileName(room) == "ModelPort";

    private static bool HasFiles(string room) => Directory.EnumerateFiles(room).Any() || Path.GetFileName(room) == "Fixtures";

    private static bool IsOfTheRepository(string path) => !path.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj", "node_modules"]).Any();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
