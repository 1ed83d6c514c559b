namespace ModelPort.Planning;

/// <summary>What the recipe knows of a model.</summary>
/// <param name="Architecture">The value of general.architecture.</param>
/// <param name="Layers">Number of blocks.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key and value heads.</param>
/// <param name="HasOutput">Whether there is an output.weight beside the embedding.</param>
/// <param name="Experts">Experts of a block; 0 for a dense model.</param>
/// <param name="HasImportance">Whether an importance matrix weighs its columns.</param>
public sealed record RecipeModel(string Architecture, int Layers, int Heads, int KeyValueHeads, bool HasOutput, int Experts = 0, bool HasImportance = false)
{
    internal bool IsFalcon => Architecture == "falcon";

    internal bool HasEightExperts => Experts == 8;

    /// <summary>
    /// Whether llama.cpp takes the model for one of 70 B parameters: the families that it knows in that size, told by their number of blocks.
    /// </summary>
    internal bool IsSeventyBillion => (Architecture, Layers) switch
    {
        ("llama", 80) => Heads != KeyValueHeads && !HasEightExperts,
        ("qwen2" or "deci" or "olmo", 80) or ("jais2", 68) => true,
        _ => false,
    };
}
