using System.Collections.Immutable;
using ModelPort.Architectures;
using ModelPort.Checkpoints;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>A run of values of a tensor of the checkpoint.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="FirstElement">Index of the first value in it.</param>
/// <param name="ElementCount">Number of values.</param>
public sealed record SourcePart(SourceTensor Tensor, long FirstElement, long ElementCount)
{
    /// <summary>All of a tensor.</summary>
    public static SourcePart Whole(SourceTensor tensor) => new(tensor, 0, tensor.Tensor.ElementCount);
}

/// <summary>Where a tensor of the output comes from and how it moves, whatever the precision.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="Shape">Its dimensions in ggml's order, the row length first.</param>
/// <param name="Parts">What it is made of, one after another, each a matrix of its own when experts are stacked; empty when <paramref name="Values"/> are given.</param>
/// <param name="Rows">How the rows of each part move.</param>
/// <param name="Values">The values of a computed tensor.</param>
public sealed record TensorPlan(string Name, ImmutableArray<long> Shape, ImmutableArray<SourcePart> Parts, RowOrder Rows, float[]? Values = null)
{
    /// <summary>Number of values.</summary>
    public long ElementCount => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Values in a row.</summary>
    public long RowLength => Shape.IsEmpty ? 1 : Shape[0];

    /// <summary>Number of rows.</summary>
    public long RowCount => RowLength == 0 ? 0 : ElementCount / RowLength;

    /// <summary>Whether it holds the matrices of several experts.</summary>
    public bool IsStack => Shape.Length > 2;

    /// <summary>The tensors of the checkpoint it is made of, for messages; its own name when it is computed.</summary>
    public string SourceName => Parts.Select(p => p.Tensor.Name).Distinct(StringComparer.Ordinal).ToArray() switch
    {
        [] => Name,
        [var only] => only,
        [var first, .. var others] => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{first} and {others.Length} more"),
    };
}

/// <summary>A tensor that does not get the type its precision asks for.</summary>
/// <param name="Tensor">Its name in GGUF.</param>
/// <param name="Wanted">The type asked for.</param>
/// <param name="Used">The type it gets.</param>
public sealed record Fallback(string Tensor, GgmlType Wanted, GgmlType Used);

/// <summary>A file that will be written: its whole header, and the places of its tensors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Layout">Header and places.</param>
/// <param name="FirstTensor">Index, in <see cref="PortPlan.Tensors"/>, of its first tensor; the others follow.</param>
public sealed record FilePlan(string Name, GgufLayout Layout, int FirstTensor);

/// <summary>What a model will be at one precision: each tensor's type, and the files.</summary>
/// <param name="Precision">The precision asked for.</param>
/// <param name="FileName">The name of the model's file, were it one.</param>
/// <param name="Layout">Header and places in one file; tensors stand in the order of <see cref="PortPlan.Tensors"/>.</param>
/// <param name="Types">Each tensor's type and why it has that, in the same order.</param>
public sealed record OutputPlan(Precision Precision, string FileName, GgufLayout Layout, IReadOnlyList<TensorType> Types)
{
    /// <summary>The files that are written: the one, or the shards it is cut into.</summary>
    public IReadOnlyList<FilePlan> Files { get; init; } = [new FilePlan(FileName, Layout, 0)];

    /// <summary>What was chosen, where types are chosen for a size.</summary>
    public Mix? Mix { get; init; }

    /// <summary>The precision whose default budgets hold: its own, or the most exact one whose file is not larger.</summary>
    public Precision Yardstick { get; init; } = Precision;

    /// <summary>Whether types are still to be chosen: until then they are the source's own.</summary>
    public bool IsOpen => Precision == Precision.Auto && Mix is null;

    /// <summary>Tensors that get another type than asked for.</summary>
    public IReadOnlyList<Fallback> Fallbacks { get; } =
        [.. Types.Select((t, i) => new Fallback(Layout.Tensors[i].Name, t.Wanted, t.Type)).Where(f => f.Wanted != f.Used)];

    /// <summary>Bytes of all files.</summary>
    public long FileLength => Files.Sum(f => f.Layout.FileLength);

    /// <summary>How many tensors have each type.</summary>
    public IReadOnlyDictionary<GgmlType, int> TypeCounts =>
        new SortedDictionary<GgmlType, int>(Layout.Tensors.GroupBy(t => t.Type).ToDictionary(g => g.Key, g => g.Count()));
}

/// <summary>
/// Every decision of a port, made before a byte of weight is read: what is written, where each value comes from, which type it gets, what is lost.
/// What is not in the plan does not happen.
/// </summary>
public sealed record PortPlan
{
    /// <summary>The source.</summary>
    public required Checkpoint Checkpoint { get; init; }

    /// <summary>The family's table.</summary>
    public required ArchitectureTable Architecture { get; init; }

    /// <summary>The source's hyperparameters.</summary>
    public required Hyperparameters Numbers { get; init; }

    /// <summary>The tensors, in the order they are written.</summary>
    public required IReadOnlyList<TensorPlan> Tensors { get; init; }

    /// <summary>The files that were asked for.</summary>
    public required IReadOnlyList<OutputPlan> Outputs { get; init; }

    /// <summary>What the user should know before the work starts.</summary>
    public required IReadOnlyList<Diagnostic> Warnings { get; init; }

    /// <summary>The plan with another warning, found outside it.</summary>
    /// <exception cref="ModelPortException">MP2008: the request is strict.</exception>
    public PortPlan With(Diagnostic warning, PortRequest request) =>
        request.Strict ? throw new ModelPortException(Diagnose.Strict(warning, "ModelPortStrict")) : this with { Warnings = [.. Warnings, warning] };

    /// <summary>Number of values in all tensors of the source.</summary>
    public long ParameterCount => Checkpoint.Tensors.ParameterCount;
}
