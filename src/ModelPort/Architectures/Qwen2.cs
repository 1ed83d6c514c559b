namespace ModelPort.Architectures;

/// <summary>Qwen 2 and 2.5: a gated decoder with biases of queries, keys and values.</summary>
internal sealed class Qwen2 : IArchitecture
{
    /// <inheritdoc/>
    public static ArchitectureTable Table { get; } = new()
    {
        Name = "qwen2",
        ClassNames = ["Qwen2ForCausalLM"],
        Defaults = new() { KeyValueHeads = 32 },
        Header = [.. LlamaBlock.Dimensions, .. LlamaBlock.HeadLengthsIfNamed, HeaderRule.FileType],
        Tensors = [.. LlamaBlock.Ends, .. LlamaBlock.Attention, .. LlamaBlock.GatedFeedForward],
        Checks = QwenBlock.Checks(),
        Tokenizers = QwenBlock.Tokenizers,
    };
}
