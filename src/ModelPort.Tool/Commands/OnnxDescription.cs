using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;

namespace ModelPort.Tool.Commands;

/// <summary>What modelport inspect says about an ONNX model.</summary>
internal sealed record OnnxDescription(
    string Path,
    long IrVersion,
    IReadOnlyList<OnnxDescription.Opset> Opsets,
    string Producer,
    long Parameters,
    long Bytes,
    IReadOnlyList<OnnxDescription.Port> Inputs,
    IReadOnlyList<OnnxDescription.Port> Outputs,
    int Graphs,
    IReadOnlyList<OperatorCount> Operators,
    IReadOnlyList<WeightCount> Weights,
    IReadOnlyList<OnnxDescription.TensorLine> Tensors,
    IReadOnlyDictionary<string, string> Metadata) : IDescription
{
    public static OnnxDescription Of(string path)
    {
        using var model = OnnxModel.Open(path);
        var census = ModelCensus.Of(model);
        var graph = model.Proto.Graph;
        var defaults = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var weights = model.Weights().ToArray();
        return new OnnxDescription(
            path,
            model.Proto.IrVersion,
            [.. model.Proto.OpsetImport.Select(import => new Opset(NameOf(import.Domain), import.Version))],
            $"{model.Proto.ProducerName} {model.Proto.ProducerVersion}".Trim(),
            census.Parameters,
            new FileInfo(path).Length + census.Weights.Where(weight => weight.IsExternal).Sum(weight => weight.Bytes),
            [.. graph.Input.Where(input => !defaults.Contains(input.Name)).Select(PortOf)],
            [.. graph.Output.Select(PortOf)],
            census.Bodies,
            census.Operators,
            census.Weights,
            [.. weights.Select(weight => new TensorLine(weight.Name, DataTypes.Name(weight.Type), [.. weight.Shape], weight.Place, weight.Body.Path, weight.IsExternal))],
            model.Proto.MetadataProps.GroupBy(entry => entry.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last().Value));
    }

    public string ToText()
    {
        List<string> lines =
        [
            Path,
            $"  format      ONNX, version {Number(IrVersion)}",
            $"  opsets      {string.Join(", ", Opsets.Select(opset => $"{opset.Domain} {Number(opset.Version)}"))}",
            $"  producer    {(Producer.Length > 0 ? Producer : "not named")}",
            $"  parameters  {Number(Parameters)}",
            $"  size        {Sizes.Bytes(Bytes)}",
            .. Metadata.Select(entry => $"  {Plain(entry.Key)}  {Plain(entry.Value)}"),
            "  inputs",
            .. Table(Inputs.Select(port => new[] { port.Name, port.Type })),
            "  outputs",
            .. Table(Outputs.Select(port => new[] { port.Name, port.Type })),
            $"  {Number(Operators.Sum(count => count.Count))} nodes in {Number(Graphs)} {(Graphs == 1 ? "graph" : "graphs and functions")}",
            .. Table(Operators.Select(count => new[] { Number(count.Count), count.Operator, NameOf(count.Domain) })),
            "  weights",
            .. Table(Weights.Select(weight => new[]
            {
                weight.Type, $"{Number(weight.Tensors)} tensors", $"{Number(weight.Values)} values", Sizes.Bytes(weight.Bytes), Where(weight.Place, weight.Body, weight.IsExternal),
            })),
            $"  {Number(Tensors.Count)} tensors",
            .. Table(Tensors.Select(tensor => new[] { tensor.Name, tensor.Type, $"[{string.Join(", ", tensor.Shape)}]", $"{tensor.Place} in {tensor.Body}{(tensor.IsExternal ? ", external" : "")}" })),
        ];
        return string.Join(Environment.NewLine, lines);
    }

    private static string NameOf(string domain) => Domains.Normal(domain) == Domains.Standard ? "ai.onnx" : domain;

    private static Port PortOf(ValueInfoProto value) => new(value.Name, OnnxTypes.Describe(value.Type));

    private static string Where(WeightPlace place, BodyKind body, bool external) => $"{place} in {body switch
    {
        BodyKind.Main => "the main graph",
        BodyKind.Subgraph => "subgraphs",
        BodyKind.Function => "functions",
        _ => "training graphs",
    }}{(external ? ", in an external file" : "")}";

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    // Names come from the file: they must not move the cursor of a terminal.
    private static string Plain(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;

    private static IEnumerable<string> Table(IEnumerable<string[]> rows)
    {
        var all = rows.ToArray();
        var widths = Enumerable.Range(0, all.Select(row => row.Length).DefaultIfEmpty().Max()).Select(column => all.Max(row => row[column].Length)).ToArray();
        return all.Select(row => "    " + string.Join("  ", row.Select((cell, column) => Plain(cell).PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>A version of an operator set.</summary>
    internal sealed record Opset(string Domain, long Version);

    /// <summary>An input or output.</summary>
    internal sealed record Port(string Name, string Type);

    /// <summary>A tensor of constant values.</summary>
    internal sealed record TensorLine(string Name, string Type, long[] Shape, WeightPlace Place, string Body, bool IsExternal);
}
