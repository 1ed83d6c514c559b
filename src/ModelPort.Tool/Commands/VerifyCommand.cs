using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Packages;

namespace ModelPort.Tool.Commands;

/// <summary>modelport verify: whether the models of a package or folder are as they were ported and packed.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("path") { Description = "A model package (.nupkg), or the folder of a project, an application or a model." };
        var format = PortOptions.CreateFormat();
        var command = new Command("verify", "Proves by their hashes that the models of a package or folder are as they were ported and packed.") { path, format };
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            using var files = PackedFiles.Open(parsed.GetValue(path)!);
            var models = ConsoleRun.WithProgress(observer => PackageVerification.Verify(files, observer, cancellation));
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of(models) : string.Join(Environment.NewLine, models.Select(ToText)));
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
}
