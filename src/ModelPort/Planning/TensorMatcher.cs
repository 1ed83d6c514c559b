using System.Collections.Immutable;
using ModelPort.Architectures;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Planning;

/// <summary>Gives every tensor of a checkpoint its place, and finds what is missing, too much or of the wrong shape.</summary>
internal static class TensorMatcher
{
    private const string Prefix = "model.";

    // Buffers that some checkpoints store although the graph computes them.
    private static readonly string[] Buffers = [".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq"];

    /// <summary>The tensors of the output, in the order in which they are written: computed ones, then the source's in the converter's order.</summary>
    /// <exception cref="ModelPortException">MP1008, MP1014, MP1015 or MP1016.</exception>
    public static IReadOnlyList<TensorPlan> Match(ArchitectureTable architecture, ModelFacts facts)
    {
        var numbers = facts.Numbers;
        var places = Places(architecture, numbers);
        var plans = new List<TensorPlan>();
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in facts.Checkpoint.Tensors.InConversionOrder.Where(t => !Buffers.Any(b => t.Name.EndsWith(b, StringComparison.Ordinal))))
        {
            // Checkpoints of the bare decoder leave the prefix out.
            if (!places.TryGetValue(tensor.Name, out var place) && !places.TryGetValue(Prefix + tensor.Name, out place))
            {
                throw new ModelPortException(Diagnose.TensorUnmapped(tensor.File.Path, tensor.Name, architecture.Name));
            }

            RequireShape(tensor, place.Rule.Shape(numbers));
            RequireType(tensor);
            found.Add(place.Source);
            plans.Add(new TensorPlan(place.Target, [.. tensor.Shape.Reverse()], tensor, place.Rule.Rows(numbers)));
        }

        RequireAll(places.Values, found, facts);
        // Only now is it sure that config.json and the tensors agree, and that a computed tensor has a sensible length.
        return [.. Compute(architecture, facts), .. plans];
    }

    private static IEnumerable<TensorPlan> Compute(ArchitectureTable architecture, ModelFacts facts)
    {
        foreach (var rule in architecture.Derived)
        {
            if (rule.Compute(facts) is { } values)
            {
                yield return new TensorPlan(rule.Target, [values.LongLength], null, RowOrder.AsIs, values);
            }
        }
    }

    private static Dictionary<string, (string Source, string Target, TensorRule Rule)> Places(ArchitectureTable architecture, Hyperparameters numbers)
    {
        var places = new Dictionary<string, (string Source, string Target, TensorRule Rule)>(StringComparer.Ordinal);
        foreach (var rule in architecture.Tensors)
        {
            for (var block = 0; block < (rule.IsPerBlock ? numbers.Layers : 1); block++)
            {
                var (source, target) = rule.InBlock(block);
                places.Add(source, (source, target, rule));
            }
        }

        return places;
    }

    private static void RequireAll(IEnumerable<(string Source, string Target, TensorRule Rule)> places, HashSet<string> found, ModelFacts facts)
    {
        foreach (var place in places.Where(p => !found.Contains(p.Source)))
        {
            var needed = place.Rule.Presence == Presence.Required || (place.Rule.Presence == Presence.RequiredUnlessTied && !facts.Numbers.TiedEmbeddings);
            if (needed)
            {
                var file = facts.Checkpoint.Tensors.Files is [var only] ? only.Path : facts.Checkpoint.Folder;
                throw new ModelPortException(Diagnose.TensorMissing(file, place.Source, Nearest.To(place.Source, facts.Checkpoint.Tensors.Names)));
            }
        }
    }

    private static void RequireShape(SourceTensor tensor, ImmutableArray<long> expected)
    {
        if (!tensor.Shape.SequenceEqual(expected))
        {
            throw new ModelPortException(Diagnose.ShapeMismatch(tensor.File.Path, tensor.Name, $"[{string.Join(", ", tensor.Shape)}]", $"[{string.Join(", ", expected)}]"));
        }
    }

    private static void RequireType(SourceTensor tensor)
    {
        if (tensor.Type is not (SafetensorsType.BF16 or SafetensorsType.F16 or SafetensorsType.F32 or SafetensorsType.F64))
        {
            throw new ModelPortException(Diagnose.UnknownType(tensor.File.Path, $"tensor '{tensor.Name}' is {tensor.Type}", "weights in F64, F32, F16 or BF16"));
        }
    }
}
