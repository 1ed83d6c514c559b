namespace ModelPort.Parity.Tasks;

/// <summary>A question of a task.</summary>
/// <param name="Line">Its line in the file, counted from 1.</param>
/// <param name="Prompt">The text that the model continues.</param>
public abstract record TaskQuestion(int Line, string Prompt);

/// <summary>A question whose answer is one of several continuations.</summary>
/// <param name="Line">Its line in the file, counted from 1.</param>
/// <param name="Prompt">The text that the model continues.</param>
/// <param name="Choices">The continuations, each with the blank that it may begin with.</param>
/// <param name="Answer">The index of the right one, from 0.</param>
public sealed record ChoiceQuestion(int Line, string Prompt, IReadOnlyList<string> Choices, int Answer) : TaskQuestion(Line, Prompt);

/// <summary>A question whose answer is a text.</summary>
/// <param name="Line">Its line in the file, counted from 1.</param>
/// <param name="Prompt">The text that the model continues.</param>
/// <param name="Completion">The right continuation; white space around it does not count.</param>
public sealed record CompletionQuestion(int Line, string Prompt, string Completion) : TaskQuestion(Line, Prompt);
