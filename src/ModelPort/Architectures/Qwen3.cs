namespace ModelPort.Architectures;

/// <summary>Qwen 3: a gated decoder with norms of each head's queries and keys.</summary>
internal sealed class Qwen3 : IArchitecture
{
    /// <inheritdoc/>
    public static ArchitectureTable Table { get; } = new()
    {
        Name = "qwen3",
        ClassNames = ["Qwen3ForCausalLM"],
        Defaults = new() { KeyValueHeads = 32, HeadDimension = 128 },
        Header = [.. LlamaBlock.Dimensions, .. LlamaBlock.HeadLengths, HeaderRule.FileType],
        Tensors = [.. LlamaBlock.Ends, .. LlamaBlock.Attention, .. LlamaBlock.QueryKeyNorms, .. LlamaBlock.GatedFeedForward],
        Checks = QwenBlock.Checks(),
        Tokenizers = QwenBlock.Tokenizers,
    };
}
