using System.Collections.Immutable;
using System.Globalization;
using ModelPort.Architectures;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Planning;

/// <summary>Gives every tensor of a checkpoint its place, and finds what is missing, too much or of the wrong shape.</summary>
internal sealed class TensorMatcher
{
    private const string Prefix = "model.";

    // Buffers that some checkpoints store although the graph computes them.
    private static readonly string[] Buffers = [".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq"];

    private readonly ArchitectureTable _architecture;
    private readonly ModelFacts _facts;
    private readonly ILookup<string, TensorRule> _rules;
    private readonly Dictionary<string, SourceTensor> _found = new(StringComparer.Ordinal);
    private readonly HashSet<(string Source, int Block)> _begun = [];
    private readonly Dictionary<int, long> _expertsFound = [];
    private readonly Dictionary<string, TensorPlan> _plans = new(StringComparer.Ordinal);
    private readonly List<TensorPlan> _ordered = [];

    private TensorMatcher(ArchitectureTable architecture, ModelFacts facts)
    {
        _architecture = architecture;
        _facts = facts;
        _rules = architecture.Tensors.ToLookup(r => r.Source, StringComparer.Ordinal);
    }

    /// <summary>The tensors of the output, in the order in which they are written: computed ones, then the source's in the converter's order.</summary>
    /// <exception cref="ModelPortException">MP1007, MP1008, MP1014, MP1015 or MP1016.</exception>
    public static IReadOnlyList<TensorPlan> Match(ArchitectureTable architecture, ModelFacts facts)
    {
        var matcher = new TensorMatcher(architecture, facts);
        foreach (var tensor in facts.Checkpoint.Tensors.InConversionOrder.Where(t => !Buffers.Any(b => t.Name.EndsWith(b, StringComparison.Ordinal))))
        {
            matcher.Place(tensor);
        }

        matcher.RequireAll();
        // Only now is it sure that config.json and the tensors agree, and that a computed tensor has a sensible length.
        return [.. Compute(architecture, facts), .. matcher._ordered];
    }

    private static IEnumerable<TensorPlan> Compute(ArchitectureTable architecture, ModelFacts facts)
    {
        foreach (var rule in architecture.Derived)
        {
            if (rule.Compute(facts) is { } values)
            {
                yield return new TensorPlan(rule.Target, [values.LongLength], [], RowOrder.AsIs, values);
            }
        }
    }

    private void Place(SourceTensor tensor)
    {
        var (template, block, expert) = Generalise(tensor.Name);
        // Checkpoints of the bare decoder leave the prefix out.
        var rules = _rules[template].Concat(_rules[Prefix + template]).Where(r => IsWithin(r, block, expert)).ToArray();
        if (rules.Length == 0)
        {
            throw new ModelPortException(Diagnose.TensorUnmapped(tensor.File.Path, tensor.Name, _architecture.Name));
        }

        foreach (var rule in rules)
        {
            RequireShape(tensor, rule.Shape(_facts.Numbers));
        }

        RequireType(tensor);
        var name = rules[0].SourceIn(block, expert);
        if (!_found.TryAdd(name, tensor))
        {
            throw new ModelPortException(Diagnose.Duplicate(tensor.File.Path, $"tensor '{tensor.Name}' is what '{_found[name].Name}' is too", "each tensor under one name"));
        }

        _begun.Add((rules[0].Source, block));
        foreach (var rule in rules[0].IsPerExpert ? WholeStacks(block) : rules)
        {
            Plan(rule, block);
        }
    }

    // Stacks are written together when the block's last expert has come, as the converter does.
    private TensorRule[] WholeStacks(int block)
    {
        var stacks = _architecture.Tensors.Where(r => r.IsPerExpert).ToArray();
        var found = _expertsFound[block] = _expertsFound.GetValueOrDefault(block) + 1;
        return found == (long)stacks.Length * _facts.Numbers.Experts ? stacks : [];
    }

    private void Plan(TensorRule rule, int block)
    {
        var shape = rule.Shape(_facts.Numbers);
        var parts = Enumerable.Range(0, rule.IsPerExpert ? _facts.Numbers.Experts : 1)
            .SelectMany(e => Matrices(_found[rule.SourceIn(block, e)], rule.Share))
            .ToImmutableArray();
        if (shape.Length > 1)
        {
            shape = shape.SetItem(shape.Length - 2, shape[^2] / rule.Share.Count);
        }

        if (rule.IsPerExpert)
        {
            shape = shape.Insert(0, _facts.Numbers.Experts);
        }

        var plan = new TensorPlan(rule.TargetIn(block), [.. shape.Reverse()], parts, rule.Rows(_facts.Numbers));
        if (!_plans.TryAdd(plan.Name, plan))
        {
            var source = parts[0].Tensor;
            throw new ModelPortException(Diagnose.Duplicate(source.File.Path, $"tensor '{source.Name}' holds what '{_plans[plan.Name].Parts[0].Tensor.Name}' holds too", "one form of each tensor"));
        }

        _ordered.Add(plan);
    }

    private static IEnumerable<SourcePart> Matrices(SourceTensor tensor, RowShare share)
    {
        if (tensor.Shape.Length < 2)
        {
            return [SourcePart.Whole(tensor)];
        }

        var matrix = tensor.Shape[^2] * tensor.Shape[^1];
        var length = matrix / share.Count;
        return Enumerable.Range(0, (int)(tensor.Tensor.ElementCount / matrix)).Select(m => new SourcePart(tensor, m * matrix + share.Index * length, length));
    }

    private void RequireAll()
    {
        foreach (var forms in _architecture.Tensors.GroupBy(r => r.Target, StringComparer.Ordinal))
        {
            for (var block = 0; block < (forms.First().IsPerBlock ? _facts.Numbers.Layers : 1); block++)
            {
                var begun = forms.FirstOrDefault(f => _begun.Contains((f.Source, block)));
                if ((begun ?? Needed(forms.First())) is { } form)
                {
                    RequireWhole(form, block);
                }
            }
        }
    }

    private TensorRule? Needed(TensorRule rule) =>
        rule.Presence == Presence.Required || (rule.Presence == Presence.RequiredUnlessTied && !_facts.Numbers.TiedEmbeddings) ? rule : null;

    private void RequireWhole(TensorRule rule, int block)
    {
        for (var expert = 0; expert < (rule.IsPerExpert ? _facts.Numbers.Experts : 1); expert++)
        {
            var name = rule.SourceIn(block, expert);
            if (!_found.ContainsKey(name))
            {
                var tensors = _facts.Checkpoint.Tensors;
                throw new ModelPortException(Diagnose.TensorMissing(tensors.Files is [var only] ? only.Path : _facts.Checkpoint.Folder, name, Nearest.To(name, tensors.Names)));
            }
        }
    }

    private bool IsWithin(TensorRule rule, int block, int expert) =>
        (!rule.IsPerBlock || block < _facts.Numbers.Layers) && (!rule.IsPerExpert || expert < _facts.Numbers.Experts);

    /// <summary>A name with <c>{b}</c> and <c>{e}</c> for the first and second number between its points, and these numbers.</summary>
    private static (string Template, int Block, int Expert) Generalise(string name)
    {
        var words = name.Split('.');
        var numbers = new int[2];
        var count = 0;
        for (var i = 0; i < words.Length && count < numbers.Length; i++)
        {
            // A number is spelled as the rules spell it: "07" is a word.
            if (int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number.ToString(CultureInfo.InvariantCulture) == words[i])
            {
                words[i] = count == 0 ? "{b}" : "{e}";
                numbers[count++] = number;
            }
        }

        return (string.Join('.', words), numbers[0], numbers[1]);
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
