namespace ModelPort.Parity.Serving;

/// <summary>A model as an application would run it: one prompt, then token after token. Times are of the machine at that moment.</summary>
internal interface IServedModel
{
    /// <summary>Loads the model anew, with room for one sequence.</summary>
    /// <returns>What that took, in milliseconds.</returns>
    double Load();

    /// <summary>Evaluates a prompt and generates tokens.</summary>
    ServedRound Run();

    /// <summary>The most memory that the model has held resident so far, in bytes.</summary>
    long PeakBytes();
}

/// <summary>The times of one prompt and the tokens after it.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="FirstToken">From the prompt to the first token, in milliseconds.</param>
/// <param name="Tokens">Each further token, in milliseconds.</param>
public sealed record ServedRound(int PromptTokens, double FirstToken, IReadOnlyList<double> Tokens);
