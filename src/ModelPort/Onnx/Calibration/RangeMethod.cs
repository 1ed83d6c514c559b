using System.Text.Json.Serialization;

namespace ModelPort.Onnx.Calibration;

/// <summary>How the range of a place is made of the values that were seen there.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RangeMethod>))]
public enum RangeMethod
{
    /// <summary>From the least to the greatest.</summary>
    MinMax,

    /// <summary>
    /// Cut where the distribution of the quantised values loses the least information against that of all; see <see cref="EntropyCut"/>.
    /// </summary>
    Entropy,

    /// <summary>So that a share of the values is inside, as many left out at either end.</summary>
    Percentile,
}
