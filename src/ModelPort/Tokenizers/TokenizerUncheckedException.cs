namespace ModelPort.Tokenizers;

/// <summary>A tokenizer has a part that cannot be reproduced exactly, so that nothing can be said about how it splits text.</summary>
/// <param name="component">The part, as the file names it: <c>normalizer Precompiled</c>.</param>
/// <param name="reason">What about it, as a clause.</param>
/// <param name="inner">The cause, when another exception is behind it.</param>
public sealed class TokenizerUncheckedException(string component, string reason, Exception? inner = null) : Exception($"{component}: {reason}", inner)
{
    /// <summary>The part, as the file names it.</summary>
    public string Component { get; } = component;

    /// <summary>What about it.</summary>
    public string Reason { get; } = reason;
}
