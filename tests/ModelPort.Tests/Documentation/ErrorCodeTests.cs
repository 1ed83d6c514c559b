using System.Reflection;
using System.Text.RegularExpressions;
using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Documentation;

/// <summary>The codes in the sources and the sections of docs/errors.md, which help links open.</summary>
public sealed partial class ErrorCodeTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md"));

    public static TheoryData<string> Makers() => [.. Methods().Select(m => m.Name)];

    [Fact]
    public void Every_code_has_a_section_and_every_section_a_code()
    {
        var codes = Sources().SelectMany(f => QuotedCode().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal);
        var sections = Section().Matches(Document).Select(m => m.Groups[1].Value).ToArray();
        Assert.Equal(sections.Distinct(), sections);
        Assert.Equal(codes, sections.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_section_has_an_example_a_cause_and_a_remedy()
    {
        var sections = Section().Split(Document).Skip(1).Chunk(2).Select(s => (Code: s[0], Text: s[1])).ToArray();
        Assert.All(sections, section =>
        {
            Assert.Contains($" {section.Code}: ", section.Text, StringComparison.Ordinal);
            Assert.Contains("\nWhy: ", section.Text, StringComparison.Ordinal);
            Assert.Contains("\nWhat to do: ", section.Text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void No_two_diagnostics_share_a_code()
    {
        var codes = Methods().Select(m => Make(m).Code).ToArray();
        Assert.Equal(codes.Distinct(), codes);
    }

    [Theory]
    [MemberData(nameof(Makers))]
    public void A_message_is_a_line_that_ends_in_a_sentence_and_says_what_to_do(string maker)
    {
        var diagnostic = Make(Methods().Single(m => m.Name == maker));
        Assert.DoesNotContain('\n', diagnostic.Message);
        Assert.DoesNotContain("..", diagnostic.Message, StringComparison.Ordinal);
        Assert.Matches(Remedy(), diagnostic.Message);
    }

    [Theory]
    [MemberData(nameof(Makers))]
    public void The_section_says_whether_it_is_a_warning(string maker)
    {
        var diagnostic = Make(Methods().Single(m => m.Name == maker));
        Assert.Equal(
            diagnostic.Severity == DiagnosticSeverity.Warning,
            Document.Contains($"## {diagnostic.Code}\n\n*Warning.*", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Makers))]
    public void A_help_link_opens_the_section(string maker)
    {
        var link = new Uri(Make(Methods().Single(m => m.Name == maker)).HelpLink);
        Assert.EndsWith("/docs/errors.md", link.AbsolutePath, StringComparison.Ordinal);
        Assert.Contains($"\n## {link.Fragment[1..].ToUpperInvariant()}\n", Document, StringComparison.Ordinal);
    }

    private static IEnumerable<MethodInfo> Methods() => typeof(Diagnose).GetMethods(BindingFlags.Public | BindingFlags.Static)
        .Where(m => m.ReturnType == typeof(Diagnostic) && m.Name != nameof(Diagnose.From));

    private static Diagnostic Make(MethodInfo method) => (Diagnostic)method.Invoke(null, [.. method.GetParameters().Select(p => Sample(p.ParameterType))])!;

    private static object Sample(Type type) =>
        type == typeof(string) ? "text"
        : type == typeof(int) ? 3
        : type == typeof(long) ? (object)3L
        : type == typeof(IEnumerable<string>) ? new[] { "one", "two" }
        : type == typeof(Diagnostic) ? Diagnose.SourceMissing("folder")
        : type == typeof(Exception) ? new InvalidOperationException("It broke.")
        : throw new NotSupportedException(type.Name);

    private static IEnumerable<string> Sources() => new[] { "src", "build" }
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
        .Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".targets", StringComparison.Ordinal))
        .Where(f => !f.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj", "node_modules"]).Any());

    [GeneratedRegex("\"(MP[0-9]{4})\"")]
    private static partial Regex QuotedCode();

    [GeneratedRegex("^## (MP[0-9]{4})$", RegexOptions.Multiline)]
    private static partial Regex Section();

    // A sentence, or a clause after a semicolon, that begins with what the user shall do.
    [GeneratedRegex("(?:[.;?] |^)(?:[Ii]f [^.]*, )?(?:in the repository, )?(?:Please )?(?:Buil|Choos|Check|Clean|Clea|Compar|Correct|Download|Fre|Get|Giv|Let|Mak|Port|Rais|Remov|Report|Restor|Run|Sav|Set|Us|Wait|build|clean|compar|correct|download|fre|remov|report|restor|set|us)[a-z]* ")]
    private static partial Regex Remedy();
}
