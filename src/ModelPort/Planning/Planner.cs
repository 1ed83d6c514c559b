using System.Collections.Immutable;
using ModelPort.Architectures;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Safetensors;
using ModelPort.Tokenizers;

namespace ModelPort.Planning;

/// <summary>Makes the plan of a port. Reads headers and configuration only.</summary>
public static class Planner
{
    /// <summary>The quantisation format's version, in <c>general.quantization_version</c>.</summary>
    private const uint QuantizationVersion = 2;

    /// <summary>Plans a port.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="request">What the user asks for.</param>
    /// <param name="importance">The matrix that the request's Calibration gives; null when there is none, or none yet.</param>
    /// <param name="errors">What types lose, where types are chosen for a size; null when that is not measured yet.</param>
    /// <exception cref="ModelPortException">Any MP1xxx that does not need the weights themselves; MP2022: the matrix does not fit; MP2030: nothing is small enough; MP2010: a tensor is larger than a file may be; MP2008 under <see cref="PortRequest.Strict"/> and <see cref="PortRequest.StrictPrecision"/>.</exception>
    public static PortPlan Plan(Checkpoint checkpoint, PortRequest request, Importance? importance = null, ErrorTable? errors = null)
    {
        var architecture = ArchitectureRegistry.Find(checkpoint);
        var numbers = Hyperparameters.Read(checkpoint, architecture);
        var facts = new ModelFacts(checkpoint, numbers, new ConfigReader(checkpoint));
        List<Diagnostic> warnings = [.. architecture.Checks.SelectMany(c => c.Run(facts))];
        var tensors = TensorMatcher.Match(architecture, facts);
        var precisions = request.Checkpoint.Precisions.Count > 0 ? request.Checkpoint.Precisions : [OwnPrecision(checkpoint)];
        var outputs = precisions.Select(p => PlanOutput(p, request, architecture, facts, tensors, importance, errors)).ToArray();
        var fallbacks = outputs.SelectMany(o => FallbackWarnings(o, tensors)).ToArray();
        if (request.StrictPrecision && fallbacks is [var fallback, ..])
        {
            throw new ModelPortException(Diagnose.Strict(fallback, "ModelPortStrictPrecision"));
        }

        warnings.AddRange(fallbacks);
        var hasOutput = HasOutput(tensors);
        warnings.AddRange(outputs.SelectMany(o => request.Checkpoint.Choice.WithoutEffect(request.OptionsFile, [.. tensors.Select(t => t.Name)], o.Types, hasOutput)).Distinct());
        warnings.AddRange(ImportanceCheck.Run(request, importance, outputs, tensors));
        if (request.Checkpoint.PreTokenizer is { } forced)
        {
            warnings.Add(Diagnose.TokenizerNote(checkpoint.Tokenizer.Path, $"The pre-tokenizer '{forced}' was set by hand, whatever tokenizer.json says."));
        }

        if (request.Strict && warnings.Count > 0)
        {
            throw new ModelPortException(Diagnose.Strict(warnings[0], "ModelPortStrict"));
        }

        return new PortPlan
        {
            Checkpoint = checkpoint,
            Architecture = architecture,
            Numbers = numbers,
            Tensors = tensors,
            Outputs = outputs,
            Warnings = warnings,
        };
    }

    /// <summary>The precision that loses nothing: the source's own.</summary>
    public static Precision OwnPrecision(Checkpoint checkpoint) => checkpoint.OwnType switch
    {
        SafetensorsType.BF16 => Precision.BF16,
        SafetensorsType.F16 => Precision.F16,
        _ => Precision.F32,
    };

    private static OutputPlan PlanOutput(
        Precision precision, PortRequest request, ArchitectureTable architecture, ModelFacts facts, IReadOnlyList<TensorPlan> tensors, Importance? importance, ErrorTable? errors)
    {
        var model = new RecipeModel(architecture.Name, facts.Numbers.Layers, facts.Numbers.Heads, facts.Numbers.KeyValueHeads, HasOutput(tensors), facts.Numbers.Experts, request.Calibration is not null);
        var recipe = precision == Precision.Auto ? OwnPrecision(facts.Checkpoint) : precision;
        var metadata = WriteHeader(recipe, request, architecture, facts, tensors);
        var output = Lay(new MixtureRecipe(recipe, model, request.Checkpoint.Choice).Choose(Shapes()));
        if (request.Calibration is not null && ImportanceCheck.Weighs(output))
        {
            Importance.WriteHeader(metadata, request, importance);
            output = Lay(output.Types);
        }

        return !output.IsOpen ? Shards.Cut(output, request)
            : errors is null ? output
            : Chosen(request.Checkpoint.Target!);

        OutputPlan Chosen(SizeTarget target)
        {
            var (mix, types) = new MixSearch(errors, target, request.Checkpoint.Choice).Run(facts.Checkpoint.Folder, output.Layout);
            metadata.Set("general.file_type", FileTypes.Of(tensors.Select((t, i) => (types[i].Type, t.ElementCount))));
            var chosen = Shards.Cut(Lay(types) with { Mix = mix }, request);

            // Shards have headers of their own, for which there must be room too.
            return chosen.FileLength > request.Checkpoint.Target!.FileBytes && chosen.FileLength - chosen.Layout.FileLength is > 0 and var more
                ? Chosen(target with { FileBytes = target.FileBytes - more })
                : chosen with { Yardstick = FileTypes.Yardstick(chosen.FileLength, p => Lay(new MixtureRecipe(p, model).Choose(Shapes())).FileLength) };
        }

        (string, ImmutableArray<long>)[] Shapes() => [.. tensors.Select(t => (t.Name, t.Shape))];

        OutputPlan Lay(IReadOnlyList<TensorType> chosen) =>
            new(precision, $"{request.Name}-{precision.Name}.gguf", GgufLayout.Create(metadata, tensors.Select((t, i) => (t.Name, chosen[i].Type, t.Shape))), chosen);
    }

    private static bool HasOutput(IReadOnlyList<TensorPlan> tensors) => tensors.Any(t => t.Name == "output.weight");

    private static GgufMetadata WriteHeader(Precision precision, PortRequest request, ArchitectureTable architecture, ModelFacts facts, IReadOnlyList<TensorPlan> tensors)
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", architecture.Name);
        metadata.Set("general.type", "model");
        GeneralHeader.Write(metadata, facts.Checkpoint, tensors);
        foreach (var rule in architecture.Header)
        {
            if (rule == HeaderRule.FileType)
            {
                metadata.Set("general.file_type", precision.FileType);
            }
            else
            {
                rule.Write(metadata, architecture.Name + ".", facts);
            }
        }

        metadata.Set("general.quantization_version", QuantizationVersion);
        TokenizerHeader.Write(metadata, facts.Checkpoint, architecture.Tokenizers, facts.Numbers.Vocabulary, request.Checkpoint.PreTokenizer);
        return metadata;
    }

    // One warning for all tensors that share a cause: a model of a hundred blocks would else warn hundreds of times.
    private static IEnumerable<Diagnostic> FallbackWarnings(OutputPlan output, IReadOnlyList<TensorPlan> tensors) =>
        from fallback in output.Fallbacks
        join tensor in tensors on fallback.Tensor equals tensor.Name
        group tensor by (fallback.Wanted, fallback.Used, tensor.RowLength) into same
        select Diagnose.FallbackType(
            same.First().Parts.FirstOrDefault()?.Tensor.File.Path ?? "",
            output.Precision.Name,
            same.Select(t => t.Name),
            GgmlTypes.Name(same.Key.Wanted),
            GgmlTypes.Name(same.Key.Used),
            same.Key.RowLength,
            GgmlTypes.BlockElements(same.Key.Wanted));
}
