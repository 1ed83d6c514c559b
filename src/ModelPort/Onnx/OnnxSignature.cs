using System.Collections.Immutable;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Manifests;

namespace ModelPort.Onnx;

/// <summary>An input or output of a model, as its file states it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type; null when it is no dense tensor.</param>
/// <param name="Dimensions">Its dimensions, -1 for one that is open; null when the file does not say how many there are.</param>
/// <param name="Text">All of it in words, such as "FLOAT [N, 3, 224, 224]".</param>
internal sealed record OnnxPin(string Name, TensorType? Type, ImmutableArray<long>? Dimensions, string Text)
{
    /// <summary>Reads what a graph states.</summary>
    public static OnnxPin Of(ValueInfoProto value)
    {
        var type = OnnxTypes.ElementType(value.Type);
        return new OnnxPin(
            value.Name,
            type == DataType.Undefined ? null : (TensorType)type,
            OnnxTypes.Dimensions(value.Type) is { } dimensions ? [.. dimensions] : null,
            OnnxTypes.Describe(value.Type));
    }

    /// <summary>The same as the manifest has it.</summary>
    public PinRecord ToRecord() => new(Name, Text);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Text}";
}

/// <summary>What goes into a model and comes out of it.</summary>
/// <param name="Inputs">The inputs that must be given, in the model's order.</param>
/// <param name="Outputs">The outputs in the model's order.</param>
internal sealed record OnnxSignature(ImmutableArray<OnnxPin> Inputs, ImmutableArray<OnnxPin> Outputs)
{
    /// <summary>Reads a model. An input that an initialiser gives a default is none that must be given.</summary>
    public static OnnxSignature Of(OnnxModel model)
    {
        var graph = model.Proto.Graph;
        var defaults = graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        return new OnnxSignature([.. graph.Input.Where(i => !defaults.Contains(i.Name)).Select(OnnxPin.Of)], [.. graph.Output.Select(OnnxPin.Of)]);
    }
}
