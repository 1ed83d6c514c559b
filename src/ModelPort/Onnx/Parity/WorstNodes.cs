using ModelPort.Engines;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx.Parity;

/// <summary>The nodes of a port that add error, the worst first.</summary>
internal static class WorstNodes
{
    /// <summary>As many are named in manifests.</summary>
    public const int MostNamed = 20;

    /// <summary>Finds them; none where the values between nodes cannot be looked at from outside, such as 8-bit floats, which the observer is told.</summary>
    /// <param name="context">Where temporary models go, and who is told.</param>
    /// <param name="input">The model and the data.</param>
    /// <param name="plan">The model that the port's nodes are compared with.</param>
    /// <param name="name">What the port is called.</param>
    /// <param name="open">Opens the port, with the names of the source's values.</param>
    public static IReadOnlyList<LayerError> Of(RunContext context, OnnxInput input, OnnxTransformPlan plan, string name, Func<OnnxModel> open)
    {
        try
        {
            using var port = open();
            return [.. new LayerErrors(input, context.Request.OutputDirectory, context.Cancellation).Of(plan, port, input.Evaluation!).Where(l => l.Increase > 0).OrderByDescending(l => l.Increase)];
        }
        catch (EngineException e)
        {
            context.Observer.Detail($"{name}: where its error comes from is not known ({e.Found})");
            return [];
        }
    }
}
