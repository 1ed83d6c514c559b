namespace ModelPort.Engines.LlamaCpp;

/// <summary>Where the time of a context went, as llama.cpp counts it.</summary>
/// <param name="Prompt">The time spent on batches of several tokens.</param>
/// <param name="PromptTokens">The tokens in those batches.</param>
/// <param name="Evaluation">The time spent on batches of one token.</param>
/// <param name="EvaluationTokens">The number of those batches.</param>
public readonly record struct LlamaTimings(TimeSpan Prompt, int PromptTokens, TimeSpan Evaluation, int EvaluationTokens);
