using System.CommandLine;
using System.Globalization;
using ModelPort.Caching;
using ModelPort.Diagnostics;

namespace ModelPort.Tool.Commands;

/// <summary>modelport cache: what the cache of ports holds, whether it is whole, and what may go.</summary>
internal static class CacheCommand
{
    private static readonly Option<string?> Cache = PortOptions.CreateCache();
    private static readonly Option<string> Format = PortOptions.CreateFormat();

    public static Command Create() => new("cache", "Looks after the cache of ports.") { List(), Verify(), Prune(), Clear() };

    private static Command List() => Verb("list", "Lists what the cache holds, the last used first.", (store, _) => (store.Content(), ExitCode.Done), content =>
    {
        var lines = content.Entries.Select(e => string.Create(
            CultureInfo.InvariantCulture, $"{e.LastUse.ToLocalTime():yyyy-MM-dd HH:mm}  {Sizes.Bytes(e.Bytes),10}  {e.Stage,-17}  {e.Key[..12]}  {e.Subject}"));
        return string.Join(Environment.NewLine, lines.Append($"{content.Entries.Count} entries, {Sizes.Bytes(content.Bytes)} in {content.Root}"));
    });

    private static Command Verify() => Verb(
        "verify",
        "Reads everything in the cache, and removes what is not as it was written.",
        (store, cancellation) =>
        {
            var damaged = ConsoleRun.WithProgress(observer =>
            {
                var (total, done) = (store.Content().Bytes, 0L);
                return store.Verify(Environment.ProcessorCount, count => observer.Progress(new PortProgress("verify", Interlocked.Add(ref done, count), total, "")), cancellation);
            });
            foreach (var path in damaged)
            {
                Console.Error.WriteLine(Diagnose.StoreDamaged(path));
            }

            return (new Verification(damaged), damaged.Count == 0 ? ExitCode.Done : ExitCode.Failed);
        },
        found => found.Removed.Count == 0 ? "everything is as it was written" : $"{found.Removed.Count} files were damaged and are removed");

    private static Command Prune()
    {
        var size = new Option<string?>("--max-size") { Description = "What may be left, for instance 20GB; what was not used for longest goes first." };
        var age = new Option<string?>("--older-than") { Description = "What was last used longer ago goes: 30d, 12h, 45m." };
        var command = Verb(
            "prune",
            "Removes what was not used for longest, and nothing that a running build uses; without options what is over 50GB.",
            (store, parsed, _) => (store.Prune(SizeOf(parsed.GetValue(size)) ?? (parsed.GetValue(age) is null ? StoreSettings.DefaultMaxBytes : null), Since(parsed.GetValue(age))), ExitCode.Done),
            Text);
        command.Add(size);
        command.Add(age);
        return command;
    }

    private static Command Clear() => Verb("clear", "Removes everything that no running build uses.", (store, _) => (store.Clear(), ExitCode.Done), Text);

    private static string Text(StoreRemoval removal) =>
        $"removed {removal.Entries} entries and {removal.Objects} files, {Sizes.Bytes(removal.Bytes)}; {Sizes.Bytes(removal.Left)} are left";

    private static Command Verb<T>(string name, string description, Func<StoreMaintenance, CancellationToken, (T Result, int ExitCode)> work, Func<T, string> text) =>
        Verb(name, description, (store, _, cancellation) => work(store, cancellation), text);

    private static Command Verb<T>(string name, string description, Func<StoreMaintenance, ParseResult, CancellationToken, (T Result, int ExitCode)> work, Func<T, string> text)
    {
        var command = new Command(name, description) { Cache, Format };
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var root = StoreSettings.DirectoryOf(parsed.GetValue(Cache))
                ?? throw new ModelPortException(Diagnose.InvalidOption("", "--cache", StoreSettings.None, "a folder"));
            var (result, exitCode) = work(new StoreMaintenance(root), parsed, cancellation);
            Console.WriteLine(parsed.GetValue(Format) == "json" ? JsonText.Of(result) : text(result));
            return exitCode;
        }));
        return command;
    }

    private static long? SizeOf(string? text) =>
        text is null ? null
        : Sizes.TryParse(text, out var bytes) && bytes >= 0 ? bytes
        : throw new ModelPortException(Diagnose.InvalidOption("", "--max-size", text, "a size such as 20GB or 1TiB"));

    private static DateTime? Since(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var valid = double.TryParse(text[..Math.Max(0, text.Length - 1)], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count) && count is >= 0 and <= 100_000;
        return (valid ? text[^1] : ' ') switch
        {
            'd' => DateTime.UtcNow.AddDays(-count),
            'h' => DateTime.UtcNow.AddHours(-count),
            'm' => DateTime.UtcNow.AddMinutes(-count),
            _ => throw new ModelPortException(Diagnose.InvalidOption("", "--older-than", text, "an age such as 30d, 12h or 45m")),
        };
    }

    private sealed record Verification(IReadOnlyList<string> Removed);
}
