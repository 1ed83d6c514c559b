namespace ModelPort.Formats.Onnx;

/// <summary>Names of operator sets.</summary>
public static class Domains
{
    /// <summary>The operators of the format itself, which may also be written "ai.onnx".</summary>
    public const string Standard = "";

    /// <summary>The operators that ONNX Runtime adds.</summary>
    public const string Microsoft = "com.microsoft";

    /// <summary>The one spelling of a domain that has two.</summary>
    public static string Normal(string domain) => domain == "ai.onnx" ? Standard : domain;
}
