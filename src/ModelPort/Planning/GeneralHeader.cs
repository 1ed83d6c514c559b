using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>Writes the <c>general.*</c> keys: sampling defaults, name, authorship, licence and lineage, from the model card, config.json and the folder's name.</summary>
internal static class GeneralHeader
{
    private const string Hub = "https://huggingface.co/";

    /// <summary>Writes the keys in the converter's order.</summary>
    /// <param name="metadata">The header.</param>
    /// <param name="checkpoint">The source.</param>
    /// <param name="tensors">The tensors of the output: a mixture of experts is labelled by their number and the parameters that one of them comes to.</param>
    public static void Write(GgufMetadata metadata, Checkpoint checkpoint, IReadOnlyList<TensorPlan> tensors)
    {
        WriteSampling(metadata, checkpoint);
        var parameters = checkpoint.Tensors.ParameterCount;
        var folder = ModelNaming.Parse(Path.GetFileName(checkpoint.Folder), parameters);
        var hub = checkpoint.Config.TryGetString(out var id, "_name_or_path") && id.Count(c => c == '/') <= 1 && id.Length > 0 ? ModelNaming.Parse(id, parameters) : null;
        var card = checkpoint.Card;
        string? FromCard(params string[] names) => card is not null && card.TryGetText(out var text, names) ? text : null;
        string? Title(Func<ModelNaming, string?> part) => (hub is null ? null : part(hub)) is { } p ? ModelNaming.Title(p) : part(folder) is { } f ? ModelNaming.Title(f) : null;
        string? Part(Func<ModelNaming, string?> part) => (hub is null ? null : part(hub)) ?? part(folder);
        void Text(string key, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                metadata.Set("general." + key, value);
            }
        }

        Text("name", FromCard("name", "model_name") ?? Title(n => n.FullName) ?? Path.GetFileName(checkpoint.Folder));
        Text("author", FromCard("author", "model_author", "model_creator"));
        Text("version", FromCard("version", "model_version") ?? Part(n => n.Version));
        Text("organization", FromCard("organization", "model_organization") ?? Title(n => n.Organization));
        Text("finetune", FromCard("finetune", "model_finetune") ?? Part(n => n.Finetune));
        Text("basename", FromCard("basename", "model_basename", "model_type") ?? Part(n => n.BaseName));
        Text("description", FromCard("description", "model_description"));
        Text("size_label", FromCard("size_label", "model_size_label") ?? Part(n => n.SizeLabel) ?? SizeLabel(tensors, parameters));
        Text("license", card is { Licenses.IsDefaultOrEmpty: false } ? string.Join(',', card.Licenses) : null);
        Text("license.name", card?.LicenseName);
        Text("license.link", card?.LicenseLink);
        Text("source.url", FromCard("url", "model_url"));
        Text("source.doi", FromCard("doi", "model_doi"));
        Text("source.uuid", FromCard("uuid", "model_uuid"));
        Text("source.repo_url", FromCard("repo_url", "model_repo_url"));
        if (card is not null)
        {
            WriteLineage(metadata, "base_model", card.BaseModels, parameters);
            WriteLineage(metadata, "dataset", card.Datasets, parameters);
            WriteTexts(metadata, "general.tags", card.PipelineTag is { } tag ? [.. card.Tags, tag] : [.. card.Tags]);
            WriteTexts(metadata, "general.languages", [.. card.Languages]);
        }
    }

    private static string SizeLabel(IReadOnlyList<TensorPlan> tensors, long parameters)
    {
        var stacks = tensors.Where(t => t.IsStack).ToArray();
        if (stacks.Length == 0)
        {
            return ModelNaming.SizeOf(parameters);
        }

        var one = stacks.Sum(s => s.Parts[0].ElementCount);
        return string.Create(CultureInfo.InvariantCulture, $"{stacks[0].Parts.Length}x{ModelNaming.SizeOf(parameters - stacks.Sum(s => s.ElementCount) + one)}");
    }

    private static void WriteSampling(GgufMetadata metadata, Checkpoint checkpoint)
    {
        if (checkpoint.Generation is not { } generation)
        {
            return;
        }

        void Real(string key, double? value)
        {
            if (value is { } number)
            {
                metadata.Set("general.sampling." + key, (float)number);
            }
        }

        void Count(string key, long? value)
        {
            if (value is { } number)
            {
                metadata.Set("general.sampling." + key, checked((int)number));
            }
        }

        if (!string.IsNullOrEmpty(generation.Sequence))
        {
            metadata.Set("general.sampling.sequence", generation.Sequence);
        }

        Count("top_k", generation.TopK);
        Real("top_p", generation.TopP);
        Real("min_p", generation.MinP);
        Real("xtc_probability", generation.XtcProbability);
        Real("xtc_threshold", generation.XtcThreshold);
        Real("temp", generation.Temperature);
        Count("penalty_last_n", generation.PenaltyLastN);
        Real("penalty_repeat", generation.PenaltyRepeat);
        Count("mirostat", generation.Mirostat);
        Real("mirostat_tau", generation.MirostatTau);
        Real("mirostat_eta", generation.MirostatEta);
    }

    private static void WriteLineage(GgufMetadata metadata, string kind, IReadOnlyList<string> ids, long parameters)
    {
        if (ids.Count == 0)
        {
            return;
        }

        metadata.Set($"general.{kind}.count", (uint)ids.Count);
        for (var i = 0; i < ids.Count; i++)
        {
            var prefix = string.Create(CultureInfo.InvariantCulture, $"general.{kind}.{i}.");
            var isUrl = ids[i].StartsWith("http://", StringComparison.Ordinal) || ids[i].StartsWith("https://", StringComparison.Ordinal) || ids[i].StartsWith("ssh://", StringComparison.Ordinal);
            var onHub = ids[i].StartsWith(Hub, StringComparison.Ordinal) && ids[i][Hub.Length..].Count(c => c == '/') == 1;
            var naming = !isUrl || onHub ? ModelNaming.Parse(onHub ? ids[i][Hub.Length..] : ids[i], parameters) : null;
            void Text(string key, string? value)
            {
                if (!string.IsNullOrEmpty(value))
                {
                    metadata.Set(prefix + key, value);
                }
            }

            Text("name", naming?.FullName is { } name ? ModelNaming.Title(name) : null);
            Text("version", naming?.Version);
            Text("organization", naming?.Organization is { } organization ? ModelNaming.Title(organization) : null);
            Text("repo_url", isUrl ? ids[i] : naming is { Organization: not null } ? Hub + ids[i] : null);
        }
    }

    private static void WriteTexts(GgufMetadata metadata, string key, string[] texts)
    {
        if (texts.Length > 0)
        {
            metadata.Set(key, texts);
        }
    }
}
