using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Transforms;
using ModelPort.Porting;

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
        // The name ends as all temporary files do, so that nothing of a killed run stays.
        var scratch = Path.Combine(context.Request.OutputDirectory, $"{input.Request.Name}-{plan.Request.Precision}-ranges.onnx");
        string? weights = input.Source.IsExternal ? Path.GetFileName(scratch) + ".data" + OutputFile.TemporarySuffix : null;
        var path = scratch + OutputFile.TemporarySuffix;
        var histograms = plan.Ranges.ToDictionary(name => name, _ => new ValueHistogram(), StringComparer.Ordinal);
        var inputs = input.Source.Signature.Inputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        string[] outputs = [.. plan.Ranges.Where(name => !inputs.Contains(name))];
        try
        {
            using (var model = plan.Model.Copy())
            {
                model.AddOutputs(outputs);
                model.Save(path, weights);
            }

            using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = context.Request.Threads });
            Pass(session, data, outputs, histograms, (histogram, values) => histogram.Widen(values), 0);
            if (histograms.FirstOrDefault(h => h.Value.HasNonFinite) is { Key: { } broken })
            {
                throw new ModelPortException(Diagnose.CalibrationNonFinite(input.Source.Model.Path, broken, data.Name));
            }

            if (input.Options.Method != RangeMethod.MinMax)
            {
                Pass(session, data, outputs, histograms, (histogram, values) => histogram.Add(values), 1);
            }
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, input.Source.Model.Path), e);
        }
        finally
        {
            FileTransfer.TryDelete(path);
            if (weights is not null)
            {
                FileTransfer.TryDelete(Path.Combine(context.Request.OutputDirectory, weights));
            }
        }

        context.Observer.Detail($"{input.Request.Name}: ranges of {histograms.Count} values measured on all {data.Count} samples of {data.Name} ({input.Options.Method})");
        return histograms.Where(h => h.Value.Count > 0).ToDictionary(h => h.Key, h => h.Value.Range(input.Options.Method, input.Options.Percentile), StringComparer.Ordinal);
    }

    private void Pass(OnnxSession session, SampleSet data, string[] outputs, Dictionary<string, ValueHistogram> histograms, Action<ValueHistogram, ReadOnlySpan<float>> take, int pass)
    {
        var passes = input.Options.Method == RangeMethod.MinMax ? 1 : 2;
        var runner = new ModelRunner(session, input.Source.Signature, input.Options.State);
        foreach (var run in data.Runs())
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var results = runner.Run(run, outputs, context.Cancellation);
            foreach (var (name, histogram) in histograms)
            {
                if ((results.GetValueOrDefault(name) ?? run.Inputs.GetValueOrDefault(name)) is EngineTensor tensor && OutputValues.Singles(tensor) is { } values)
                {
                    take(histogram, values);
                }
            }

            context.Observer.Progress(new PortProgress("calibration", pass * data.Count + run.First + run.Count, passes * data.Count, data.Name));
        }
    }
}
