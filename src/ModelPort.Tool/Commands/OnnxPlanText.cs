using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Onnx;

namespace ModelPort.Tool.Commands;

/// <summary>The plan of ports of an ONNX model as text.</summary>
internal static class OnnxPlanText
{
    public static string Of(OnnxPlanSummary plan)
    {
        List<string> lines =
        [
            .. plan.Why is [] ? ["up to date"] : plan.Why ?? [],
            $"ONNX, {plan.Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters, {Sizes.Bytes(plan.SourceBytes)}, {plan.Precision}",
            .. plan.Inputs.Select(p => $"  in   {p.Name}: {p.Type}"),
            .. plan.Outputs.Select(p => $"  out  {p.Name}: {p.Type}"),
        ];
        foreach (var port in plan.Ports)
        {
            lines.Add($"-> {port.File}: {(port.Converted.Count == 0 ? "the model as it is" : string.Join(", ", port.Converted.Select(c => $"{c.Value} {c.Key}")) + $" at {port.Precision}")}{(port.Ranges == 0 ? "" : $"; uses the ranges of {port.Ranges} values")}{(port.Optimize is null ? "" : $"; saved as ONNX Runtime rewrites it ({port.Optimize})")}");
            lines.AddRange(port.Notes.Select(n => $"   {n}"));
            lines.AddRange(port.Kept.Select(n => $"   {n.Node} ({n.Operator}) stays in float: {n.Reason}"));
        }

        return string.Join(Environment.NewLine, lines.Concat(plan.Warnings.Select(w => $"warning {w.Code}: {w.Message}")));
    }
}
