namespace ModelPort.Tokenizers;

/// <summary>Recognises tokens that steer the model although their files do not say so: makers forget the flag, and the reference converter looks at the spelling.</summary>
internal static class SpecialLook
{
    /// <summary>Whether the spelling is that of a control token.</summary>
    public static bool IsControl(string token) =>
        token is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || Encloses("<|", "|>", token)
        || Encloses("<\uFF5C", "\uFF5C>", token)
        || Encloses("<unused", ">", token);

    private static bool Encloses(string start, string end, string token) =>
        token.StartsWith(start, StringComparison.Ordinal) && token.EndsWith(end, StringComparison.Ordinal);
}
