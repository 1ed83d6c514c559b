namespace ModelPort.Engines.LlamaCpp;

/// <summary>
/// Sees what a model multiplies its weights with while a <see cref="LlamaContext"/> evaluates. Called on the thread that evaluates, in the middle of it.
/// An exception ends the evaluation and comes out of <see cref="LlamaContext.Decode"/>.
/// </summary>
public interface ILlamaProductObserver
{
    /// <summary>Whether the products of a weight are to be seen; each that is costs a halt of all threads.</summary>
    /// <param name="weight">The weight's name, such as "blk.0.attn_q.weight".</param>
    bool Wants(string weight);

    /// <summary>Whether rows that are looked up in a weight, as in an embedding, are to be seen too.</summary>
    /// <param name="weight">The weight's name.</param>
    bool WantsLookups(string weight) => false;

    /// <summary>Sees a product that has been computed, before anything is computed from it: what is written to its results is what the model goes on with.</summary>
    /// <param name="product">The product, valid during the call.</param>
    void Observe(in LlamaProduct product);
}
