using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>
/// What a user decides about the types of tensors over the recipe of a precision. The order of precedence is that of llama_model_quantize
/// (v0.5.0): the embedding's and the output's own type, the first pattern that matches, the base type for all, the recipe.
/// </summary>
public sealed record TensorChoice
{
    /// <summary>Leaves everything to the recipe.</summary>
    public static readonly TensorChoice None = new();

    /// <summary>Types by name; the first match counts.</summary>
    public IReadOnlyList<TensorPattern> Patterns { get; init; } = [];

    /// <summary>Whether every matrix gets the base type of the precision.</summary>
    public bool Pure { get; init; }

    /// <summary>The type of the output matrix; of the embedding where it is that too.</summary>
    public GgmlType? Output { get; init; }

    /// <summary>The type of the embedding.</summary>
    public GgmlType? Embedding { get; init; }

    /// <summary>The options as text: equal texts decide alike.</summary>
    public string Key => string.Join('\n', Rules(hasOutput: true).Select(r => r.Name));

    /// <summary>The options as rules; the first that applies to a tensor decides.</summary>
    /// <param name="hasOutput">Whether the model has an output matrix beside the embedding.</param>
    internal IReadOnlyList<ChoiceRule> Rules(bool hasOutput)
    {
        var rules = new List<ChoiceRule>();
        if (Embedding is { } embedding)
        {
            rules.Add(new ChoiceRule($"EmbeddingPrecision={GgmlTypes.Name(embedding)}", embedding, name => TensorRoles.Of(name) == TensorRole.Embedding));
        }

        var shared = new List<ChoiceRule>();
        if (Output is { } output)
        {
            var title = $"OutputPrecision={GgmlTypes.Name(output)}";
            rules.Add(new ChoiceRule(title, output, name => TensorRoles.Of(name) == TensorRole.Output));
            shared.Add(new ChoiceRule(title, output, name => !hasOutput && TensorRoles.Of(name) == TensorRole.Embedding));
        }

        rules.AddRange(Patterns.Select(p => new ChoiceRule($"TensorPrecision {p}", p.Type, p.Matches)));
        if (Pure)
        {
            rules.Add(new ChoiceRule("Pure", null, _ => true));
        }

        return [.. rules, .. shared];
    }

    /// <summary>A warning for every option that decides no tensor's type.</summary>
    /// <param name="file">The file that warnings about options point at.</param>
    /// <param name="names">The tensors.</param>
    /// <param name="types">Their types.</param>
    /// <param name="hasOutput">Whether the model has an output matrix beside the embedding.</param>
    internal IEnumerable<Diagnostic> WithoutEffect(string file, IReadOnlyList<string> names, IReadOnlyList<TensorType> types, bool hasOutput)
    {
        foreach (var rules in Rules(hasOutput).GroupBy(r => r.Name).Where(g => types.All(t => t.Why != g.Key)))
        {
            var matched = Enumerable.Range(0, names.Count).Where(i => rules.Any(r => r.Applies(names[i]))).ToArray();
            var decided = matched.Where(i => types[i].Why != TensorType.Kept).ToArray();
            yield return Diagnose.ChoiceWithoutEffect(file, rules.Key, (matched, decided) switch
            {
                ([], _) => "the model has no such tensor",
                ([var kept, ..], []) => $"'{names[kept]}' and its like are never quantised",
                (_, [var other, ..]) => $"'{names[other]}' has its type from {types[other].Why}",
            });
        }
    }
}

/// <summary>One option of a <see cref="TensorChoice"/>.</summary>
/// <param name="Name">As the user wrote it.</param>
/// <param name="Type">The type it gives; null for the base type of the precision.</param>
/// <param name="Applies">Whether it decides a tensor of a name.</param>
internal sealed record ChoiceRule(string Name, GgmlType? Type, Func<string, bool> Applies);
