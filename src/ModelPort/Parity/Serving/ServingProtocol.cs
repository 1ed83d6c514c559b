using System.Text.Json;
using System.Text.Json.Serialization;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Serving;

/// <summary>What a process is to run.</summary>
/// <param name="Model">The GGUF file.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="Text">The text that prompts are taken from.</param>
/// <param name="PromptTokens">Tokens of a prompt; fewer when the model was made for less.</param>
/// <param name="Tokens">Tokens that are generated after it and timed.</param>
internal sealed record ServingRequest(string Model, int Threads, string Text, int PromptTokens, int Tokens);

/// <summary>What the process is asked: one a line. The first has the request.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Request">What to run.</param>
internal sealed record ServingCall(ServingAction Action, ServingRequest? Request = null);

/// <summary>What the process answers: one line for each call.</summary>
/// <param name="Load">The time of a load, in milliseconds.</param>
/// <param name="Round">The times of a round.</param>
/// <param name="PeakBytes">The memory.</param>
/// <param name="Error">What went wrong instead.</param>
internal sealed record ServingReply(double? Load = null, ServedRound? Round = null, long? PeakBytes = null, Diagnostic? Error = null);

/// <summary>A thing that the process can do.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ServingAction>))]
internal enum ServingAction
{
    /// <summary>Take the request.</summary>
    Start,

    /// <summary>Load the model anew.</summary>
    Load,

    /// <summary>Evaluate a prompt and generate.</summary>
    Run,

    /// <summary>Tell the memory.</summary>
    Memory,
}

/// <summary>The other end of <see cref="ServingProcess"/>: runs a model for whoever writes to the input, until it closes.</summary>
public static class ServingHost
{
    /// <summary>Answers calls.</summary>
    /// <param name="input">Calls, one JSON object a line.</param>
    /// <param name="output">Answers, one JSON object a line.</param>
    public static void Run(TextReader input, TextWriter output)
    {
        ServedModel? model = null;
        try
        {
            while (input.ReadLine() is { } line)
            {
                output.WriteLine(JsonSerializer.Serialize(Answer(JsonSerializer.Deserialize<ServingCall>(line)!, ref model)));
                output.Flush();
            }
        }
        finally
        {
            model?.Dispose();
        }
    }

    private static ServingReply Answer(ServingCall call, ref ServedModel? model)
    {
        try
        {
            switch (call.Action)
            {
                case ServingAction.Start:
                    model = new ServedModel(call.Request!);
                    return new ServingReply();
                case ServingAction.Load:
                    return new ServingReply(Load: model!.Load());
                case ServingAction.Run:
                    return new ServingReply(Round: model!.Run());
                default:
                    return new ServingReply(PeakBytes: model!.PeakBytes());
            }
        }
        catch (Exception e)
        {
            return new ServingReply(Error: Diagnose.From(e, call.Request?.Model ?? ""));
        }
    }
}
