using System.CommandLine;
using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Tool.Commands;

/// <summary>What inspect found, as text; its properties are the JSON.</summary>
internal interface IDescription
{
    string ToText();
}

/// <summary>modelport inspect: what a checkpoint, a GGUF file or an ONNX model is, without reading weights.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("source") { Description = "A checkpoint folder, or a .gguf or .onnx file; of a model in several .gguf files any one of them." };
        var format = PortOptions.CreateFormat();
        var command = new Command("inspect", "Shows what a checkpoint, a GGUF file or an ONNX model holds.") { source, format };
        command.SetAction((parsed, _) => ConsoleRun.Execute(() =>
        {
            var path = Path.GetFullPath(parsed.GetValue(source)!);
            IDescription description = Path.GetExtension(path).ToUpperInvariant() switch
            {
                ".GGUF" => OfGguf(path),
                ".ONNX" => OnnxDescription.Of(path),
                _ => OfCheckpoint(path),
            };
            Console.WriteLine(parsed.GetValue(format) == "json" ? JsonText.Of<object>(description) : description.ToText());
            return ExitCode.Done;
        }));
        return command;
    }

    private static Description OfCheckpoint(string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        var tensors = checkpoint.Tensors.InConversionOrder.Select(t => new TensorLine(t.Name, t.Type.ToString(), [.. t.Shape], Path.GetFileName(t.File.Path))).ToArray();
        return new Description(
            path,
            checkpoint.ArchitectureName,
            checkpoint.Tensors.ParameterCount,
            checkpoint.WeightBytes,
            [
                new("precision", checkpoint.OwnType.ToString()),
                new("tokenizer", checkpoint.Tokenizer.SentencePiece is not null ? "SentencePiece (tokenizer.model)" : checkpoint.Tokenizer.Json!.ModelType + " (tokenizer.json)"),
                new("chat templates", checkpoint.Tokenizer.ChatTemplates.Count.ToString(CultureInfo.InvariantCulture)),
                new("licence", checkpoint.Card is { Licenses.IsDefaultOrEmpty: false } card ? string.Join(", ", card.Licenses) : "not named"),
                .. checkpoint.Files.Select(f => new NamedValue(f.Name, Sizes.Bytes(f.Length))),
            ],
            tensors);
    }

    private static Description OfGguf(string path)
    {
        using var model = GgufShards.Open(path);
        var metadata = model.Metadata.Select(m => new NamedValue(m.Key, Shorten(m.Value.ToString() ?? "")));
        return new Description(
            path,
            model.Metadata.TryGetString("general.architecture", out var architecture) ? architecture : "unknown",
            model.Tensors.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)),
            model.FileLength,
            [
                new("GGUF version", model.Files[0].Version.ToString(CultureInfo.InvariantCulture)),
                .. model.Files.Length == 1 ? [] : model.Files.Select(f => new NamedValue(Path.GetFileName(f.Path), $"{Sizes.Bytes(f.FileLength)}, {f.Tensors.Length} tensors")),
                .. metadata,
            ],
            [.. model.Tensors.Select(t => new TensorLine(t.Name, GgmlTypes.Name(t.Type), [.. t.Shape], Path.GetFileName(model.FileOf(t).Path)))]);
    }

    private static string Shorten(string text) => text.Length <= 100 ? text.ReplaceLineEndings("\\n") : text[..100].ReplaceLineEndings("\\n") + "...";

    private sealed record NamedValue(string Name, string Value);

    private sealed record TensorLine(string Name, string Type, long[] Shape, string File);

    private sealed record Description(string Path, string Architecture, long Parameters, long Bytes, IReadOnlyList<NamedValue> Details, IReadOnlyList<TensorLine> Tensors) : IDescription
    {
        public string ToText()
        {
            NamedValue[] rows =
            [
                new("architecture", Architecture),
                new("parameters", Parameters.ToString("N0", CultureInfo.InvariantCulture)),
                new("size", Sizes.Bytes(Bytes)),
                .. Details,
            ];
            var width = rows.Max(r => r.Name.Length);
            List<string> lines = [Path, .. rows.Select(r => $"  {r.Name.PadRight(width)}  {r.Value}")];
            var names = Tensors.Select(t => t.Name.Length).DefaultIfEmpty().Max();
            lines.Add($"  {Tensors.Count} tensors");
            lines.AddRange(Tensors.Select(t => $"    {t.Name.PadRight(names)} {t.Type,-6} [{string.Join(", ", t.Shape)}]"));
            return string.Join(Environment.NewLine, lines);
        }
    }
}
