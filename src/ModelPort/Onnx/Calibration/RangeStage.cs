using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx.Calibration;

/// <summary>The stage that measures the ranges of values of a prepared model, or finds that it was done before.</summary>
/// <param name="context">What stages share.</param>
/// <param name="input">The model and the data.</param>
/// <param name="keys">What results depend on.</param>
internal sealed class RangeStage(RunContext context, OnnxInput input, Lazy<OnnxKeys> keys)
{
    private const string RangesName = "ranges";

    /// <summary>The ranges that a plan asks for; null where it asks for none, or there is no data for those that are only useful.</summary>
    /// <exception cref="ModelPortException">MP1091: a value was NaN or infinite; or the data cannot be used.</exception>
    public IReadOnlyDictionary<string, ValueRange>? Of(OnnxTransformPlan plan)
    {
        if (plan.Ranges.IsEmpty || input.Calibration is null)
        {
            return null;
        }

        var key = keys.Value.OfRanges(plan);
        if (Stored(key) is { } stored)
        {
            return stored;
        }

        var ranges = Measure(plan, input.Calibration);
        if (context.Store.IsOn)
        {
            context.Store.PutRecord(StoreRecord.Of(key, $"{input.Request.Name} {plan.Request.Precision}", new Dictionary<string, StoredObject>(), new Dictionary<string, string>
            {
                [RangesName] = JsonSerializer.Serialize(ranges.Select(r => RangeRecord.Of(r.Key, r.Value)), Manifest.Format),
            }));
        }

        return ranges;
    }

    private Dictionary<string, ValueRange>? Stored(StageKey key)
    {
        try
        {
            return context.Store.TryGetRecord(key) is { } record ? JsonSerializer.Deserialize<RangeRecord[]>(record.Values.GetValueOrDefault(RangesName, ""), Manifest.Format)?.ToDictionary(r => r.Name, r => r.ToRange(), StringComparer.Ordinal) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Dictionary<string, ValueRange> Measure(OnnxTransformPlan plan, SampleSet data)
    {
        var histograms = plan.Ranges.ToDictionary(name => name, _ => new ValueHistogram(), StringComparer.Ordinal);
        Pass(plan, data, histograms, 0);
        if (histograms.FirstOrDefault(h => h.Value.HasNonFinite) is { Key: { } broken })
        {
            throw new ModelPortException(Diagnose.CalibrationNonFinite(input.Source.Model.Path, broken, data.Name));
        }

        if (input.Options.Method != RangeMethod.MinMax)
        {
            Pass(plan, data, histograms, 1);
        }

        var seen = histograms.Where(h => h.Value.Count > 0).ToDictionary(h => h.Key, h => h.Value.Range(input.Options.Method, input.Options.Percentile, plan.Request.IsSymmetric), StringComparer.Ordinal);
        context.Observer.Detail($"{input.Request.Name}: ranges of {seen.Count} values measured on all {data.Count} samples of {data.Name} ({input.Options.Method})");
        return seen;
    }

    // First the ends of all values, then how often each was there.
    private void Pass(OnnxTransformPlan plan, SampleSet data, Dictionary<string, ValueHistogram> histograms, int pass)
    {
        var inputs = input.Source.Signature.Inputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        try
        {
            using var model = plan.Model.Copy();
            var shown = InnerValues.Show(model, plan.Ranges.Where(name => !inputs.Contains(name)), ends: pass == 0);
            using var file = new TemporaryModel(model, context.Request.OutputDirectory, $"{input.Request.Name}-{plan.Request.Precision}-ranges", input.Source.IsExternal);
            using var session = OnnxSession.Open(file.Path, new OnnxSessionOptions { Threads = context.Request.Threads });
            Run(session, data, [.. shown, .. plan.Ranges.Where(inputs.Contains).Select(name => new ShownValue(name, name, false))], histograms, pass);
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, input.Source.Model.Path), e);
        }
    }

    private void Run(OnnxSession session, SampleSet data, ShownValue[] shown, Dictionary<string, ValueHistogram> histograms, int pass)
    {
        var passes = input.Options.Method == RangeMethod.MinMax ? 1 : 2;
        var runner = new ModelRunner(session, input.Source.Signature, input.Options.State);
        var inputs = input.Source.Signature.Inputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        string[] outputs = [.. shown.Select(value => value.Output).Where(name => !inputs.Contains(name))];
        if (outputs.Length == 0)
        {
            // A run wants an output, also where inputs are all that is looked at.
            outputs = [input.Source.Signature.Outputs[0].Name];
        }

        foreach (var run in data.Runs())
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var results = runner.Run(run, outputs, context.Cancellation);
            foreach (var value in shown)
            {
                if ((results.GetValueOrDefault(value.Output) ?? run.Inputs.GetValueOrDefault(value.Output)) is EngineTensor tensor && OutputValues.Singles(tensor) is { } values)
                {
                    var histogram = histograms[value.Name];
                    if (value.IsEnds)
                    {
                        histogram.Widen(InnerValues.EndsOf(values));
                    }
                    else if (pass == 0)
                    {
                        histogram.Widen(values);
                    }
                    else
                    {
                        histogram.Add(values);
                    }
                }
            }

            context.Observer.Progress(new PortProgress("calibration", pass * data.Count + run.First + run.Count, passes * data.Count, data.Name));
        }
    }
}
