using System.CommandLine;
using ModelPort.Diagnostics;
using ModelPort.Packages.Feeds;
using ModelPort.Parity;

namespace ModelPort.Tool.Commands;

/// <summary>modelport list: the versions of a model package on the feeds, with their numbers.</summary>
internal static class ListCommand
{
    private const int DefaultTake = 20;

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
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of(versions) : ToText(versions));
            Diagnostic[] errors = [.. versions.Versions.Select(v => v.Error).OfType<Diagnostic>()];
            foreach (var error in errors)
            {
                Console.Error.WriteLine(error);
            }

            return errors.Length == 0 ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static string ToText(ModelVersions versions) => string.Join(Environment.NewLine, [
        .. MarkdownTable.Of(["version", "model", "precision", "size", "perplexity", "divergence", "top token", "verdict", "licence", "source"], [.. versions.Versions.SelectMany(Rows)], 3, 4, 5, 6),
        "",
        $"{versions.Id}: {(versions.Versions.Count == versions.Count ? $"{versions.Count} versions" : $"the newest {versions.Versions.Count} of {versions.Count} versions, --take {versions.Count} shows all")}",
    ]);

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
