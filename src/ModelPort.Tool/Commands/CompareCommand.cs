using System.CommandLine;
using ModelPort.Packages;

namespace ModelPort.Tool.Commands;

/// <summary>modelport compare: what changed between two releases of models, as a table for a release note.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var old = new Argument<string>("old") { Description = "The release before: a model package (.nupkg), or the folder of a project, an application or a model." };
        var current = new Argument<string>("new") { Description = "The release now." };
        var format = PortOptions.CreateFormat();
        var all = new Option<bool>("--all") { Description = "Also what did not change." };
        var command = new Command("compare", "Compares two releases of models by their measured numbers; exit code 3 when the new one is worse.") { old, current, all, format };
        command.SetAction((parsed, _) => ConsoleRun.Execute(() =>
        {
            using var before = PackedFiles.Open(parsed.GetValue(old)!);
            using var now = PackedFiles.Open(parsed.GetValue(current)!);
            var compared = PackageComparison.Compare(before, NameOf(before), now, NameOf(now));
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of(compared) : ToText(compared, parsed.GetValue(all)));
            return compared.IsWorse ? ExitCode.BudgetMissed : ExitCode.Done;
        }));
        return command;
    }

    private static string NameOf(PackedFiles files) => Path.GetFileName(files.Path);

    private static string ToText(ComparedReleases compared, bool all)
    {
        var lines = compared.Lines.Where(l => all || l.Kind != ChangeKind.None).ToArray();
        if (lines.Length == 0)
        {
            return $"{compared.Old} and {compared.New}: nothing differs.";
        }

        string[][] rows = [["model", "what", compared.Old, compared.New, ""], .. lines.Select(l => new[] { l.Model, l.What, l.Old, l.New, PackageComparison.Word(l.Kind) })];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(i => rows.Max(r => r[i].Length))];
        string Row(string[] cells) => "| " + string.Join(" | ", cells.Select((c, i) => c.PadRight(widths[i]))) + " |";
        return string.Join(Environment.NewLine, [Row(rows[0]), Row([.. widths.Select(w => new string('-', Math.Max(3, w)))]), .. rows.Skip(1).Select(Row), "", $"This is a {compared.VersionPart} change."]);
    }
}
