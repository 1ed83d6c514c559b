using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Packages;
using ModelPort.Packages.Feeds;

namespace ModelPort.Tool.Commands;

/// <summary>modelport verify: whether the models of a package or folder are as they were ported and packed.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var package = new Argument<string>("package") { Description = "A model package (.nupkg), a project that is built or its folder, the folder of an application or a model, or a package on the feeds: id, id@version or id@range." };
        var feeds = new FeedArguments();
        var format = PortOptions.CreateFormat();
        var command = new Command("verify", "Proves by their hashes that the models of a package or folder are as they were ported and packed.") { package, format };
        feeds.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var (from, models) = ConsoleRun.WithProgress(observer =>
            {
                using var opened = NamedPackage.OpenWhole(parsed.GetValue(package)!, feeds.Read(parsed), observer, cancellation);
                return (opened.From is { } place ? $"{opened.Name} from {place}" : null, PackageVerification.Verify(opened.Files, observer, cancellation));
            });
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of(models.Select(m => View.Of(from, m))) : string.Join(Environment.NewLine, models.Select(ToText).Prepend(from).OfType<string>()));
            foreach (var error in models.SelectMany(m => m.Errors))
            {
                Console.Error.WriteLine(error);
            }

            return models.All(m => m.Errors.Count == 0) ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static string ToText(VerifiedModel model) => string.Create(
        CultureInfo.InvariantCulture,
        $"{model.Name}{(model.Folder.Length == 0 ? "" : $" ({model.Folder})")}: {model.Files} files, {Sizes.Bytes(model.Bytes)}, {(model.Errors.Count == 0 ? "as packed" : $"{model.Errors.Count} NOT AS PACKED")}");

    private sealed record View(string? Package, string Name, string Folder, int Files, long Bytes, IReadOnlyList<Diagnostic> Errors)
    {
        public static View Of(string? package, VerifiedModel model) => new(package, model.Name, model.Folder, model.Files, model.Bytes, model.Errors);
    }
}
