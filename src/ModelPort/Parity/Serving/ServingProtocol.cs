using System.Text.Json;
using System.Text.Json.Serialization;
using ModelPort.Diagnostics;
using ModelPort.Onnx;
using ModelPort.Onnx.Parity;

namespace ModelPort.Parity.Serving;

/// <summary>What a process is to run.</summary>
/// <param name="Model">The GGUF file.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="Text">The text that prompts are taken from.</param>
/// <param name="PromptTokens">Tokens of a prompt; fewer when the model was made for less.</param>
/// <param name="Tokens">Tokens that are generated after it and timed.</param>
internal sealed record ServingRequest(string Model, int Threads, string Text, int PromptTokens, int Tokens);

/// <summary>What a process is to run that is given samples.</summary>
/// <param name="Model">The ONNX file.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="Data">The file with samples.</param>
/// <param name="Signature">Inputs and outputs of the model, so that the process need not read its file for them: that would count as the model's memory.</param>
/// <param name="State">Outputs that are given to inputs of the next run.</param>
/// <param name="Sizes">Samples in a run, one or several sizes.</param>
internal sealed record SampleServingRequest(string Model, int Threads, string Data, OnnxSignature Signature, IReadOnlyList<StatePair> State, IReadOnlyList<int> Sizes);

/// <summary>What the process is asked: one a line. The first has one of the requests.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Request">A model that generates.</param>
/// <param name="Samples">A model that is given samples.</param>
/// <param name="Size">With <see cref="ServingAction.Run"/> of the latter: samples in a run.</param>
/// <param name="Count">And runs.</param>
internal sealed record ServingCall(ServingAction Action, ServingRequest? Request = null, SampleServingRequest? Samples = null, int Size = 0, int Count = 0);

/// <summary>What the process answers: one line for each call.</summary>
/// <param name="Load">The time of a load, in milliseconds.</param>
/// <param name="Round">The times of a round.</param>
/// <param name="Times">The times of runs, in milliseconds.</param>
/// <param name="PeakBytes">The memory.</param>
/// <param name="Error">What went wrong instead.</param>
internal sealed record ServingReply(double? Load = null, ServedRound? Round = null, IReadOnlyList<double>? Times = null, long? PeakBytes = null, Diagnostic? Error = null);

/// <summary>A thing that the process can do.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ServingAction>))]
internal enum ServingAction
{
    /// <summary>Take the request.</summary>
    Start,

    /// <summary>Load the model anew.</summary>
    Load,

    /// <summary>Evaluate a prompt and generate, or run on samples.</summary>
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
        IServed? model = null;
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
            (model as IDisposable)?.Dispose();
        }
    }

    private static ServingReply Answer(ServingCall call, ref IServed? model)
    {
        try
        {
            switch (call.Action)
            {
                case ServingAction.Start:
                    model = call.Samples is { } samples ? new OnnxServedModel(samples) : new ServedModel(call.Request!);
                    return new ServingReply();
                case ServingAction.Load:
                    return new ServingReply(Load: model!.Load());
                case ServingAction.Run when model is IServedRuns runs:
                    return new ServingReply(Times: runs.Run(call.Size, call.Count));
                case ServingAction.Run:
                    return new ServingReply(Round: ((IServedModel)model!).Run());
                default:
                    return new ServingReply(PeakBytes: model!.PeakBytes());
            }
        }
        catch (Exception e)
        {
            return new ServingReply(Error: Diagnose.From(e, call.Request?.Model ?? call.Samples?.Model ?? ""));
        }
    }
}
