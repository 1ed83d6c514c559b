namespace ModelPort.Parity.Behaviour;

/// <summary>How far a port continues prompts with the tokens of its source, when both always take the token that they rank first.</summary>
public sealed record Continuations
{
    /// <summary>Prompts that were continued.</summary>
    public required int Prompts { get; init; }

    /// <summary>Tokens of the evaluation text in a prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of a continuation, at most: it ends sooner where the source ends it.</summary>
    public required int Tokens { get; init; }

    /// <summary>Share of the prompts that the port continues as the source does to the end, in percent.</summary>
    public required double Equal { get; init; }

    /// <summary>Tokens that both continuations begin with, on average.</summary>
    public required double MeanPrefix { get; init; }

    /// <summary>Standard error of <see cref="MeanPrefix"/>.</summary>
    public required double MeanPrefixError { get; init; }

    /// <summary>Tokens that both continuations begin with, of the prompt where they are fewest.</summary>
    public required int LeastPrefix { get; init; }

    /// <summary>Where the two part, in the order of the prompts; prompts whose continuations are equal are not here.</summary>
    public required IReadOnlyList<Divergence> Divergences { get; init; }
}

/// <summary>Where source and port part after the same tokens.</summary>
/// <param name="Prompt">The prompt, from 0.</param>
/// <param name="Prefix">Tokens of the continuation that are equal before.</param>
/// <param name="Source">The token that the source goes on with.</param>
/// <param name="Port">The token that the port goes on with.</param>
public sealed record Divergence(int Prompt, int Prefix, TokenProbabilities Source, TokenProbabilities Port);

/// <summary>A token with the probabilities that both models give to it.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Text">Its spelling.</param>
/// <param name="InSource">Its probability in the source, 0 to 1.</param>
/// <param name="InPort">Its probability in the port.</param>
public sealed record TokenProbabilities(int Token, string Text, double InSource, double InPort);
