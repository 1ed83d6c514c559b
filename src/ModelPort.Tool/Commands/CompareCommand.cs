using System.CommandLine;
using ModelPort.Packages;
using ModelPort.Packages.Feeds;

namespace ModelPort.Tool.Commands;

/// <summary>modelport compare: what changed between two releases of models, as a table for a release note.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var old = new Argument<string>("old") { Description = "The release before: a model package (.nupkg), the folder of a project, an application or a model, or a package on the feeds: id, id@version or id@range." };
        var current = new Argument<string>("new") { Description = "The release now." };
        var format = PortOptions.CreateFormat();
        var all = new Option<bool>("--all") { Description = "Also what did not change." };
        var feeds = new FeedArguments();
        var command = new Command("compare", "Compares two releases of models by their measured numbers; exit code 3 when the new one is worse.") { old, current, all, format };
        feeds.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            NamedPackage Open(Argument<string> package) => ConsoleRun.WithProgress(observer => NamedPackage.Open(parsed.GetValue(package)!, feeds.Read(parsed), observer, cancellation));
            using var before = Open(old);
            using var now = Open(current);
            var compared = PackageComparison.Compare(before.Files, before.Name, now.Files, now.Name);
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of(View.Of(compared, before, now)) : ToText(compared, parsed.GetValue(all)) + From(before) + From(now));
            return compared.IsWorse ? ExitCode.BudgetMissed : ExitCode.Done;
        }));
        return command;
    }

    private static string From(NamedPackage package) => package.From is { } from ? $"{Environment.NewLine}{package.Name} is from {from}." : "";

    private static string ToText(ComparedReleases compared, bool all)
    {
        var lines = compared.Lines.Where(l => all || l.Kind != ChangeKind.None).ToArray();
        if (lines.Length == 0)
        {
            return $"{compared.Old} and {compared.New}: nothing differs.";
        }

        var table = MarkdownTable.Of(["model", "what", compared.Old, compared.New, ""], [.. lines.Select(l => new[] { l.Model, l.What, l.Old, l.New, PackageComparison.Word(l.Kind) })]);
        return string.Join(Environment.NewLine, [.. table, "", $"This is a {compared.VersionPart} change."]);
    }

    private sealed record View(string Old, string? OldFrom, string New, string? NewFrom, IReadOnlyList<ComparedLine> Lines, bool IsWorse, string VersionPart)
    {
        public static View Of(ComparedReleases compared, NamedPackage old, NamedPackage current) => new(compared.Old, old.From, compared.New, current.From, compared.Lines, compared.IsWorse, compared.VersionPart);
    }
}
