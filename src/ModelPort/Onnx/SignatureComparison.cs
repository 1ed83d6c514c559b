namespace ModelPort.Onnx;

/// <summary>What goes into two models and comes out of them: whether one can take the other's place.</summary>
/// <param name="Differences">Inputs and outputs that only one has, or that have another type or shape, in words.</param>
/// <param name="Narrower">Inputs whose dimensions the port fixes where the source leaves them open, in words.</param>
internal sealed record SignatureComparison(IReadOnlyList<string> Differences, IReadOnlyList<string> Narrower)
{
    /// <summary>Compares by names; the order does not matter.</summary>
    /// <param name="source">The source's.</param>
    /// <param name="port">The port's.</param>
    public static SignatureComparison Of(OnnxSignature source, OnnxSignature port) => new(
        [.. Differ("input", source.Inputs, port.Inputs), .. Differ("output", source.Outputs, port.Outputs)],
        [.. from pin in source.Inputs
            let other = port.Inputs.FirstOrDefault(p => p.Name == pin.Name)
            where other is not null && Fits(pin, other) && IsNarrower(pin, other)
            select $"'{pin.Name}' is {other.Text} instead of {pin.Text}"]);

    private static IEnumerable<string> Differ(string what, IReadOnlyList<OnnxPin> source, IReadOnlyList<OnnxPin> port) =>
    [
        .. source.Where(s => port.All(p => p.Name != s.Name)).Select(s => $"the {what} '{s}' is not there"),
        .. port.Where(p => source.All(s => s.Name != p.Name)).Select(p => $"the {what} '{p}' is not in the source"),
        .. from pin in source
           let other = port.FirstOrDefault(p => p.Name == pin.Name)
           where other is not null && !Fits(pin, other)
           select $"the {what} '{pin.Name}' is {other.Text} instead of {pin.Text}",
    ];

    // A dimension that one of the two leaves open, or a shape that it does not tell, contradicts nothing.
    private static bool Fits(OnnxPin source, OnnxPin port) => source.Type is null || port.Type is null
        ? source.Text == port.Text
        : source.Type == port.Type
            && (source.Dimensions is not { } a || port.Dimensions is not { } b || (a.Length == b.Length && a.Zip(b).All(d => d.First < 0 || d.Second < 0 || d.First == d.Second)));

    private static bool IsNarrower(OnnxPin source, OnnxPin port) => port.Dimensions is { } fixedTo
        && (source.Dimensions is not { } open ? fixedTo.Any(d => d >= 0) : open.Zip(fixedTo).Any(d => d.First < 0 && d.Second >= 0));
}
