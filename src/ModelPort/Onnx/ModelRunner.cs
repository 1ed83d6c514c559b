using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;

namespace ModelPort.Onnx;

/// <summary>
/// Runs a model over samples; one with state is given what it made of the sample before. A port whose inputs are half floats is given the source's rounded to those.
/// </summary>
/// <param name="session">The model.</param>
/// <param name="signature">What goes in and comes out.</param>
/// <param name="state">Outputs that are given to inputs of the next run.</param>
internal sealed class ModelRunner(OnnxSession session, OnnxSignature signature, IReadOnlyList<StatePair> state)
{
    private readonly Dictionary<string, EngineValue> _state = new(StringComparer.Ordinal);
    private readonly HashSet<string> _halves = [.. session.Inputs.Where(i => i is { IsTensor: true, Type: TensorType.Float16 }).Select(i => i.Name)];
    private readonly ConditionalWeakTable<EngineTensor, EngineTensor> _rounded = [];
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
            return session.Run(Fitting(run.Inputs), outputs, cancellation);
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

        var results = session.Run(Fitting(inputs), [.. outputs.Union(state.Select(p => p.Output))], cancellation);
        foreach (var pair in state)
        {
            _state[pair.Input] = results[pair.Output];
        }

        return results;
    }

    // A sample that is run again and again is rounded once.
    private IReadOnlyDictionary<string, EngineValue> Fitting(IReadOnlyDictionary<string, EngineValue> inputs) => _halves.Count == 0
        ? inputs
        : inputs.ToDictionary(i => i.Key, i => _halves.Contains(i.Key) && i.Value is EngineTensor { Type: TensorType.Float } tensor ? _rounded.GetValue(tensor, Rounded) : i.Value, StringComparer.Ordinal);

    private static EngineTensor Rounded(EngineTensor tensor)
    {
        var halves = new Half[tensor.ElementCount];
        TensorPrimitives.ConvertToHalf(tensor.As<float>(), halves);
        return EngineTensor.Of<Half>(halves, tensor.Shape);
    }

    // What is open is 1: one sequence at a time.
    private EngineTensor Zero(string name)
    {
        var input = signature.Inputs.First(i => i.Name == name);
        long[] shape = [.. input.Dimensions!.Value.Select(d => Math.Max(1, d))];
        return new EngineTensor(input.Type!.Value, shape, new byte[shape.Aggregate(1L, (count, d) => checked(count * d)) * EngineTensor.SizeOf(input.Type.Value)]);
    }
}
