using System.CommandLine;
using ModelPort.Diagnostics;
using ModelPort.Packages.Feeds;
using ModelPort.Parity;
using Spectre.Console;

namespace ModelPort.Tool.Commands;

/// <summary>modelport list: the versions of a model package on the feeds, with their numbers.</summary>
internal static class ListCommand
{
    private const int DefaultTake = 20;

    // A table in a pipe is read by programs and pasted into notes: no line of it is broken.
    private const int PipeWidth = 10_000;

    public static Command Create()
    {
        var id = new Argument<string>("id") { Description = "The package." };
        var take = new Option<int>("--take") { Description = "How many versions are shown, the newest first; default 20.", DefaultValueFactory = _ => DefaultTake };
        take.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--take is at least 1.");
            }
        });
        var feeds = new FeedArguments();
        var format = PortOptions.CreateFormat();
        var command = new Command("list", "Lists the versions of a model package on the feeds with their measured numbers.") { id, take, format };
        feeds.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var versions = ConsoleRun.WithProgress(observer => ModelVersions.Read(parsed.GetValue(id)!, parsed.GetValue(take), feeds.Read(parsed), observer, cancellation));
            if (parsed.GetValue(format) == "json")
            {
                Console.WriteLine(JsonText.Of(versions));
            }
            else
            {
                Write(versions);
            }

            Diagnostic[] errors = [.. versions.Versions.Select(v => v.Error).OfType<Diagnostic>()];
            foreach (var error in errors)
            {
                Console.Error.WriteLine(error);
            }

            return errors.Length == 0 ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static void Write(ModelVersions versions)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = PipeWidth;
        }

        var table = new Table().Border(TableBorder.Markdown).AddColumns("version", "model", "precision");
        foreach (var number in new[] { "size", "perplexity", "divergence", "top token" })
        {
            table.AddColumn(number, column => column.RightAligned());
        }

        table.AddColumns("verdict", "licence", "source");
        foreach (var version in versions.Versions)
        {
            foreach (var cells in Rows(version))
            {
                table.AddRow([.. cells.Select(c => new Text(c))]);
            }
        }

        console.Write(table);
        console.WriteLine($"{versions.Id}: {(versions.Versions.Count == versions.Count ? $"{versions.Count} versions" : $"the newest {versions.Versions.Count} of {versions.Count} versions, --take {versions.Count} shows all")}");
    }

    private static IEnumerable<string[]> Rows(ListedVersion version) => version.Note is { } note
        ? [[version.Version, note, "", "", "", "", "", "", "", ""]]
        : version.Models.Select(m => new[]
        {
            version.Version,
            m.Name,
            m.Precision,
            Sizes.Bytes(m.Bytes),
            Of(Metric.PerplexityIncrease, m.PerplexityIncrease, " %"),
            Of(Metric.MeanDivergence, m.MeanDivergence, " nats"),
            Of(Metric.TopTokenAgreement, m.TopTokenAgreement, " %"),
            m.Verdict,
            m.License ?? "not named",
            m.SourceSha256[..Math.Min(12, m.SourceSha256.Length)],
        });

    private static string Of(Metric metric, double? value, string unit) => value is { } number ? metric.Write(number) + unit : "not measured";
}
