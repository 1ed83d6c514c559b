using System.Globalization;
using System.Text.Json.Serialization;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Manifests;

/// <summary>What a port of an ONNX model changed in its graph.</summary>
public sealed record GraphRecord
{
    /// <summary>What it is made for.</summary>
    public required string HardwareTarget { get; init; }

    /// <summary>The version of the standard operators that the source came in; null when it was not raised.</summary>
    public long? RaisedFromOpset { get; init; }

    /// <summary>The version that it was raised to; null when it was not.</summary>
    public long? RaisedToOpset { get; init; }

    /// <summary>How many nodes of each operator compute in the precision.</summary>
    public required IReadOnlyDictionary<string, int> Converted { get; init; }

    /// <summary>Nodes that stay in float, and why.</summary>
    public required IReadOnlyList<KeptNodeRecord> Kept { get; init; }

    /// <summary>Weights and values that became integers or 8-bit floats.</summary>
    public required IReadOnlyList<QuantisedRecord> Quantised { get; init; }

    /// <summary>Weights that lost something as half floats, or were kept for that.</summary>
    public required IReadOnlyList<HalfRecord> Halves { get; init; }

    /// <summary>The ranges that values were measured to take; empty where none were needed.</summary>
    public required IReadOnlyList<RangeRecord> Ranges { get; init; }

    /// <summary>Bytes of all constant tensors of the source.</summary>
    public required long WeightBytesBefore { get; init; }

    /// <summary>Bytes of all constant tensors of the port.</summary>
    public required long WeightBytesAfter { get; init; }

    /// <summary>What goes in, where that is not what the source takes; else null.</summary>
    public IReadOnlyList<PinRecord>? Inputs { get; init; }

    /// <summary>What comes out, where that is not what the source gives; else null.</summary>
    public IReadOnlyList<PinRecord>? Outputs { get; init; }

    /// <summary>The nodes that add most error, the worst first, where a budget was missed; empty where none was.</summary>
    public IReadOnlyList<LayerError> Layers { get; init; } = [];

    /// <summary>The nodes to blame for a missed budget, as a sentence; empty when that is not known.</summary>
    [JsonIgnore]
    public string Blame => BlameOf(Layers);

    /// <summary>Nodes to blame, as a sentence; empty for none.</summary>
    /// <param name="layers">The nodes that add most error, the worst first.</param>
    public static string BlameOf(IReadOnlyList<LayerError> layers) => layers.Count == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $"Most of it is added by {string.Join(", ", layers.Take(3).Select(l => $"'{l.Node}' ({l.Operator}, relative error {l.Error - l.Increase:0.0000} -> {l.Error:0.0000})"))}");

    /// <summary>Further changes, in sentences.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The record of what a transform did.</summary>
    /// <param name="record">What it did.</param>
    /// <param name="plan">What it was asked.</param>
    /// <param name="ranges">The ranges that it was given; null for none.</param>
    /// <param name="measured">Nodes that stay in float because a measurement said so.</param>
    internal static GraphRecord Of(OnnxTransformRecord record, OnnxTransformPlan plan, IReadOnlyDictionary<string, ValueRange>? ranges, IReadOnlySet<string> measured) => new()
    {
        HardwareTarget = record.Hardware,
        RaisedFromOpset = record.Raise?.From,
        RaisedToOpset = record.Raise?.To,
        Converted = record.Operators,
        Kept = [.. record.Kept.Select(n => new KeptNodeRecord(n.Label, n.Operator, n.Body, measured.Contains(n.Label) ? "the accuracy that it costs was measured" : n.Reason))],
        Quantised = [.. record.Weights.Select(w => new QuantisedRecord(w.Name, DataTypes.Name(w.Type), w.Scale, w.ZeroPoint, w.Channels))],
        Halves = [.. record.Halves.Select(h => new HalfRecord(h.Name, h.Saturated, h.Underflowed, h.Kept))],
        Ranges = [.. plan.Ranges.Where(name => ranges?.ContainsKey(name) == true).Select(name => RangeRecord.Of(name, ranges![name]))],
        WeightBytesBefore = record.WeightBytesBefore,
        WeightBytesAfter = record.WeightBytesAfter,
        Notes = record.Notes,
    };
}

/// <summary>A node that stays in float.</summary>
/// <param name="Node">Its name, or its operator and first output.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Body">The graph that it stands in.</param>
/// <param name="Reason">Why.</param>
public sealed record KeptNodeRecord(string Node, string Operator, string Body, string Reason);

/// <summary>A weight or value that became integers or 8-bit floats.</summary>
/// <param name="Name">The weight or value.</param>
/// <param name="Type">Its type now, as the format spells it.</param>
/// <param name="Scale">What one step is worth; the greatest of its channels.</param>
/// <param name="ZeroPoint">The integer that stands for 0.</param>
/// <param name="Channels">How many scales there are.</param>
public sealed record QuantisedRecord(string Name, string Type, float Scale, int ZeroPoint, long Channels);

/// <summary>A weight that lost something as half floats.</summary>
/// <param name="Name">The weight.</param>
/// <param name="Saturated">Values beyond 65504.</param>
/// <param name="Underflowed">Values other than zero that lost bits below 2^-14.</param>
/// <param name="Kept">Whether it stays FP32 for that.</param>
public sealed record HalfRecord(string Name, long Saturated, long Underflowed, bool Kept);

/// <summary>The range of a value.</summary>
/// <param name="Name">The value.</param>
/// <param name="Min">Its lower end.</param>
/// <param name="Max">Its upper end.</param>
/// <param name="LargestMagnitude">The greatest magnitude that was seen, which a method may have left out.</param>
/// <param name="SmallestNonZero">The least magnitude above zero that was seen.</param>
public sealed record RangeRecord(string Name, float Min, float Max, float LargestMagnitude, float SmallestNonZero)
{
    /// <summary>A range as the manifest has it.</summary>
    internal static RangeRecord Of(string name, ValueRange range) => new(name, range.Min, range.Max, range.LargestMagnitude, range.SmallestNonZero);

    /// <summary>The range as transforms take it.</summary>
    internal ValueRange ToRange() => new(Min, Max) { LargestMagnitude = LargestMagnitude, SmallestNonZero = SmallestNonZero };
}

/// <summary>What ranges of values were measured on.</summary>
/// <param name="Name">The file that Calibration named.</param>
/// <param name="Sha256">SHA-256 of it.</param>
/// <param name="Method">How ranges are made of what was seen.</param>
/// <param name="Percentile">The share of the values inside, in percent; null for methods without one.</param>
/// <param name="Samples">Samples that were used: all of the file.</param>
public sealed record RangeCalibrationRecord(string Name, string Sha256, ModelPort.Onnx.Calibration.RangeMethod Method, double? Percentile, long Samples);

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type in words, such as "FLOAT [N, 3, 224, 224]".</param>
public sealed record PinRecord(string Name, string Type);
