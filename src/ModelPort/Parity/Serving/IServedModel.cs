namespace ModelPort.Parity.Serving;

/// <summary>A model as an application would load it. Times are of the machine at that moment.</summary>
internal interface IServed
{
    /// <summary>Loads the model anew.</summary>
    /// <returns>What that took, in milliseconds.</returns>
    double Load();

    /// <summary>The most memory that the model has held resident so far, in bytes.</summary>
    long PeakBytes();
}

/// <summary>A model that generates: one prompt, then token after token, with room for one sequence.</summary>
internal interface IServedModel : IServed
{
    /// <summary>Evaluates a prompt and generates tokens.</summary>
    ServedRound Run();
}

/// <summary>A model that is given samples.</summary>
internal interface IServedRuns : IServed
{
    /// <summary>Runs the model on the next samples.</summary>
    /// <param name="size">Samples in a run: one of the sizes that were announced.</param>
    /// <param name="count">Runs.</param>
    /// <returns>The time of each run, in milliseconds.</returns>
    IReadOnlyList<double> Run(int size, int count);
}

/// <summary>The times of one prompt and the tokens after it.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="FirstToken">From the prompt to the first token, in milliseconds.</param>
/// <param name="Tokens">Each further token, in milliseconds.</param>
public sealed record ServedRound(int PromptTokens, double FirstToken, IReadOnlyList<double> Tokens);
