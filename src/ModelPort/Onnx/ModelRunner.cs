using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;

namespace ModelPort.Onnx;

/// <summary>Runs a model over samples; one with state is given what it made of the sample before.</summary>
/// <param name="session">The model.</param>
/// <param name="signature">What goes in and comes out.</param>
/// <param name="state">Outputs that are given to inputs of the next run.</param>
internal sealed class ModelRunner(OnnxSession session, OnnxSignature signature, IReadOnlyList<StatePair> state)
{
    private readonly Dictionary<string, EngineValue> _state = new(StringComparer.Ordinal);
    private long? _sequence;

    /// <summary>Checks that pairs of outputs and inputs are of a model and of one type each.</summary>
    /// <param name="path">The model.</param>
    /// <param name="signature">What goes in and comes out of it.</param>
    /// <param name="state">The pairs.</param>
    /// <exception cref="ModelPortException">MP1089: they are not.</exception>
    public static void Check(string path, OnnxSignature signature, IReadOnlyList<StatePair> state)
    {
        foreach (var pair in state)
        {
            var (output, input) = (signature.Outputs.FirstOrDefault(o => o.Name == pair.Output), signature.Inputs.FirstOrDefault(i => i.Name == pair.Input));
            var found = output is null ? $"'{pair.Output}' is no output"
                : input is null ? $"'{pair.Input}' is no input"
                : output.Type != input.Type ? $"'{pair.Output}' is {output.Text}, and '{pair.Input}' is {input.Text}"
                : input.Dimensions is null ? $"the file does not say how many dimensions '{pair.Input}' has"
                : null;
            if (found is not null)
            {
                throw new ModelPortException(Diagnose.StatePairUnfit(path, $"{pair.Output}={pair.Input}", found, signature.Outputs.Select(o => o.Name), signature.Inputs.Select(i => i.Name)));
            }
        }
    }

    /// <summary>Runs the model on the next samples.</summary>
    /// <param name="run">The samples.</param>
    /// <param name="outputs">The outputs that are wanted.</param>
    /// <param name="cancellation">Ends the run.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime failed.</exception>
    public IReadOnlyDictionary<string, EngineValue> Run(SampleRun run, IReadOnlyCollection<string> outputs, CancellationToken cancellation)
    {
        if (state.Count == 0)
        {
            return session.Run(run.Inputs, outputs, cancellation);
        }

        if (_sequence != run.Sequence)
        {
            _state.Clear();
            _sequence = run.Sequence;
        }

        var inputs = new Dictionary<string, EngineValue>(run.Inputs, StringComparer.Ordinal);
        foreach (var pair in state)
        {
            inputs[pair.Input] = _state.GetValueOrDefault(pair.Input) ?? run.Inputs.GetValueOrDefault(pair.Input) ?? Zero(pair.Input);
        }

        var results = session.Run(inputs, [.. outputs.Union(state.Select(p => p.Output))], cancellation);
        foreach (var pair in state)
        {
            _state[pair.Input] = results[pair.Output];
        }

        return results;
    }

    // What is open is 1: one sequence at a time.
    private EngineTensor Zero(string name)
    {
        var input = signature.Inputs.First(i => i.Name == name);
        long[] shape = [.. input.Dimensions!.Value.Select(d => Math.Max(1, d))];
        return new EngineTensor(input.Type!.Value, shape, new byte[shape.Aggregate(1L, (count, d) => checked(count * d)) * EngineTensor.SizeOf(input.Type.Value)]);
    }
}
