using System.Globalization;
using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Onnx.Parity;
using ModelPort.Parity;

namespace ModelPort.Onnx;

/// <summary>
/// Finds the fewest of the nodes that add most error which have to stay in float for the user's limits on accuracy and outputs to be kept: by doubling their number and
/// then halving the step. Each try is a port that is made and measured as any other.
/// </summary>
/// <param name="context">What stages share.</param>
/// <param name="input">The model and the plan.</param>
/// <param name="keys">What results depend on.</param>
/// <param name="ports">Makes ports.</param>
internal sealed class NodeSearch(RunContext context, OnnxInput input, Lazy<OnnxKeys> keys, OnnxPortStage ports)
{
    private const string NodesName = "nodes";

    private int _attempts;

    /// <summary>A port with the nodes that an earlier search left in float; as it was when there was none.</summary>
    public OnnxOutput Chosen(OnnxOutput output)
    {
        if (output.Plan is null || input.SearchLimits is [] || context.Store.TryGetRecord(keys.Value.OfSearch(output)) is not { } record)
        {
            return output;
        }

        try
        {
            return JsonSerializer.Deserialize<string[]>(record.Values.GetValueOrDefault(NodesName, "")) is { } nodes ? Without(output, nodes) ?? output : output;
        }
        catch (JsonException)
        {
            return output;
        }
    }

    /// <summary>Whether a port misses the user's limits on accuracy or outputs, and a search may help.</summary>
    public bool IsNeeded(ReadyModel port, MeasuredModel measured) =>
        input.SearchLimits is not []
        && port.Output.Plan is { } plan
        && plan.Request.KeepInFloat.SetEquals(input.Options.KeepInFloat)
        && plan.Nodes.Count(n => n.Converted) > 1
        && !IsKept(measured);

    /// <summary>Searches; null when no number of nodes helps.</summary>
    /// <param name="port">The port that misses the limit.</param>
    /// <param name="measure">Measures a port, or finds that it was measured.</param>
    public (ReadyModel Port, MeasuredModel Measured)? Find(ReadyModel port, Func<ReadyModel, MeasuredModel> measure)
    {
        var converted = port.Output.Plan!.Nodes.Where(n => n.Converted).Select(n => n.Label).ToHashSet(StringComparer.Ordinal);
        string[] worst = [.. Worst(port).Select(l => l.Node).Where(converted.Contains).Distinct(StringComparer.Ordinal)];
        if (worst.Length > 0)
        {
            // A node that gives less error than it is given may have made what a state carried back to it.
            worst = [.. worst, .. port.Output.Plan.Nodes.Select(n => n.Label).Where(converted.Contains).Distinct(StringComparer.Ordinal).Except(worst)];
        }

        (ReadyModel Port, MeasuredModel Measured, int Count)? best = null;
        var tooFew = 0;
        for (var count = 1; count <= worst.Length && count < converted.Count; count = best is { } b ? (tooFew + b.Count) / 2 : Math.Min(2 * count, Math.Max(count + 1, worst.Length)))
        {
            if (Try(port.Output, worst[..count], measure) is not { } tried)
            {
                break;
            }

            context.Observer.Detail($"{port.Output.FileName}: with {count} nodes in float {Limits} {(IsKept(tried.Measured) ? "is kept" : "is still missed")}");
            if (IsKept(tried.Measured))
            {
                best?.Port.Dispose();
                best = (tried.Port, tried.Measured, count);
            }
            else
            {
                tried.Port.Dispose();
                tooFew = count;
            }

            if (best is { } found && found.Count - tooFew <= 1)
            {
                break;
            }
        }

        if (best is not { } chosen)
        {
            return null;
        }

        if (context.Store.IsOn)
        {
            context.Store.PutRecord(StoreRecord.Of(keys.Value.OfSearch(port.Output), port.Output.FileName, new Dictionary<string, StoredObject>(), new Dictionary<string, string>
            {
                [NodesName] = JsonSerializer.Serialize(worst[..chosen.Count]),
            }));
        }

        return (chosen.Port, chosen.Measured);
    }

    /// <summary>A warning that names the nodes that a search left in float.</summary>
    public IEnumerable<Diagnostic> Warnings(ReadyModel port) =>
        port.Output.Plan?.Request.KeepInFloat.Except(input.Options.KeepInFloat) is { Count: > 0 } nodes
            ? [Diagnose.NodesKeptForAccuracy(context.SourcePath, port.Output.Precision.Name, [.. nodes.Order(StringComparer.Ordinal)], Limits)]
            : [];

    /// <summary>The record of a port that misses a budget with the nodes to blame; others as they are.</summary>
    public OutputRecord Blamed(ReadyModel port, OutputRecord record) =>
        record.Verdict == Verdict.Missed && record.Graph is { } graph && port.Output.Plan is not null ? record with { Graph = graph with { Layers = [.. Worst(port).Take(WorstNodes.MostNamed)] } } : record;

    private string Limits => string.Join(" or ", input.SearchLimits.Select(l => string.Create(CultureInfo.InvariantCulture, $"{l.Kind.Name} {l.Limit}")));

    // What is not measured at all is no matter of nodes.
    private bool IsKept(MeasuredModel measured) => Judge.Check(measured.Figures, input.SearchLimits, context.Request.StrictParity).All(r => r.Passes || r.Verdict == BudgetVerdict.NotMeasured);

    private (ReadyModel Port, MeasuredModel Measured)? Try(OnnxOutput output, string[] nodes, Func<ReadyModel, MeasuredModel> measure)
    {
        if (Without(output with { Attempt = ++_attempts }, nodes) is not { } other)
        {
            return null;
        }

        var port = ports.Found(other, null) ?? ports.Make(other);
        try
        {
            return (port, measure(port));
        }
        catch
        {
            port.Dispose();
            throw;
        }
    }

    // Null where nothing is left to convert.
    private OnnxOutput? Without(OnnxOutput output, IEnumerable<string> nodes)
    {
        try
        {
            return output with { Plan = input.Plan(output.Precision, input.Options.KeepInFloat.Union(nodes)) };
        }
        catch (ModelPortException e) when (e.Diagnostic.Code is "MP2100" or "MP2107")
        {
            return null;
        }
    }

    private IReadOnlyList<LayerError> Worst(ReadyModel port) => WorstNodes.Of(context, input, port.Output.Plan!, port.Output.FileName, port.File.Unrewritten);
}
