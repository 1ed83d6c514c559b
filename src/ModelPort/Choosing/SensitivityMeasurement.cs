using System.Buffers;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;

namespace ModelPort.Choosing;

/// <summary>
/// Measures how far a model's predictions move for each unit of relative squared error in a tensor. The model runs once as it is, then once for each group
/// of tensors with a small <see cref="Disturbance"/> in them; the mean divergence over the size of the disturbance is the sensitivity. For errors as small as
/// those of quantisation, divergence is proportional to the squared error, and tensors add up (Malinovskii et al., "Pushing the limits of large language
/// model quantization via the linearity theorem", 2024).
/// </summary>
/// <param name="request">Threads, and the folder for the source's logits.</param>
/// <param name="input">The text.</param>
/// <param name="observer">Told the tokens done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class SensitivityMeasurement(PortRequest request, SensitivityInput input, IPortObserver observer, CancellationToken cancellation)
{
    // The relative squared error of a type of four bits is a fifth of it, that of two bits three times as much.
    private const double Amount = 1.0 / 32;

    // Below it single precision has the say.
    private const double LeastDivergence = 1e-7;

    /// <summary>Measures tensors.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="tensors">The tensors.</param>
    /// <returns>What was evaluated, and the sensitivity of each tensor.</returns>
    /// <exception cref="ModelPortException">MP3003: the text is too short; MP2031: llama.cpp cannot run the model.</exception>
    public (SensitivityText Text, IReadOnlyList<double> Values) Run(string modelPath, IReadOnlyList<MeasuredTensor> tensors)
    {
        var runtime = LlamaRuntime.Load();
        using var model = new Evaluator(runtime, modelPath, request.Threads, request.MemoryBudget, cancellation);
        var groups = TensorGroups.Of([.. tensors.Select(t => t.Tensor.Name)]);
        var windows = Cut(model.Model, groups.Count + 1);
        var total = windows.Tokens * (groups.Count + 1);
        long done = 0;
        void Advance(int tokens) => observer.Progress(new PortProgress("sensitivity", done += tokens, total, "windows of text"));
        using var record = RecordedLogits.Record(
            Path.Combine(request.OutputDirectory, request.Name + "-source-logits.safetensors"),
            windows,
            model.Model.VocabularySize,
            request.Source,
            (reader, log) => model.Run(windows, LlamaCacheType.F16, reader, Advance, cancellation, log));
        using var source = RecordedLogits.Open(record.TemporaryPath, model.Model.VocabularySize);
        var values = new double[tensors.Count];
        foreach (var group in groups)
        {
            var disturbance = new Disturbance(group.ToDictionary(i => tensors[i].Tensor.Name, i => tensors[i].MeanSquare, StringComparer.Ordinal), Amount);
            var divergence = Divergence(model, source, disturbance, Advance);
            foreach (var i in group)
            {
                // What no product was seen of is not known to be harmless: it gets its value below.
                values[i] = disturbance.Met.Contains(tensors[i].Tensor.Name) ? Round(Math.Max(divergence, LeastDivergence) / Amount / disturbance.Met.Count) : double.NaN;
            }
        }

        var largest = values.Where(v => !double.IsNaN(v)).DefaultIfEmpty(1).Max();
        return (
            new SensitivityText(input.Name, input.Sha256, windows.Length, windows.Count),
            [.. values.Select(v => double.IsNaN(v) ? largest : v)]);
    }

    private double Divergence(Evaluator model, RecordedLogits source, Disturbance disturbance, Action<int> progress)
    {
        var windows = source.Windows;
        var divergences = new double[windows.Count * windows.Rows];
        model.Run(
            windows,
            LlamaCacheType.F16,
            (window, row, logits) =>
            {
                var expected = ArrayPool<float>.Shared.Rent(logits.Length);
                source.Read(window, row, expected.AsSpan(0, logits.Length));
                divergences[window * windows.Rows + row] = PositionStatistics.Compare(expected.AsSpan(0, logits.Length), logits, windows.Next(window, row)).Divergence;
                ArrayPool<float>.Shared.Return(expected);
            },
            progress,
            cancellation,
            products: disturbance);
        return divergences.Average();
    }

    private TokenWindows Cut(LlamaModel model, int evaluations)
    {
        var vocabulary = model.Vocabulary;
        var length = Math.Min(ShortWindows.MostLength, Math.Max(model.TrainingContextLength, 2));
        var tokens = vocabulary.Tokenize(input.Text, addSpecial: true, parseSpecial: false);
        var windows = ShortWindows.Cut(vocabulary, tokens, length, evaluations);
        return windows.Count > 0 ? windows : throw new ModelPortException(Diagnose.EvaluationTooShort(input.Path, tokens.Length, length));
    }

    // The digits beyond the third depend on the processor; a choice made from them would too.
    private static double Round(double value) => double.Parse(value.ToString("G3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
