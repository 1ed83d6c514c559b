using System.Globalization;
using System.Numerics.Tensors;
using ModelPort.Diagnostics;
using ModelPort.Onnx.Data;
using ModelPort.Parity;
using ModelPort.Parity.Tasks;

namespace ModelPort.Onnx.Parity;

/// <summary>Compares an output of source and port with labels: the classes of samples, or the numbers that the output should have.</summary>
internal sealed class LabelScore
{
    private const int MostLines = 20;
    private const int Top = 5;

    private readonly SampleSet _data;
    private readonly DataColumn _labels;
    private readonly OnnxSignature _signature;
    private readonly List<(int Label, int Source, int Port)> _answers = [];
    private readonly List<(double Source, double Port)> _squares = [];
    private (int Source, int Port) _top;
    private int _classes;

    private LabelScore(SampleSet data, DataColumn labels, OnnxSignature signature, string output)
    {
        (_data, _labels, _signature, Output) = (data, labels, signature, output);
    }

    /// <summary>The output that is judged: the first one of real numbers.</summary>
    public string Output { get; }

    private bool IsClasses => !OutputValues.IsReal(_labels.Type);

    /// <summary>Finds the output that labels are of; null where there are no labels.</summary>
    /// <exception cref="ModelPortException">MP1087: there is no such output.</exception>
    public static LabelScore? Of(SampleSet data, OnnxSignature signature) => data.Labels is not { } labels ? null
        : signature.Outputs.FirstOrDefault(o => OutputValues.IsReal(o.Type)) is { } output ? new LabelScore(data, labels, signature, output.Name)
        : throw new ModelPortException(Diagnose.LabelsUnfit(data.Path, $"labels are {labels}", signature.Outputs.Select(o => o.ToString())));

    /// <summary>Takes the outputs of one run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="source">The output of the source, for the samples of the run.</param>
    /// <param name="port">That of the port.</param>
    /// <exception cref="ModelPortException">MP1087: the labels do not fit the output.</exception>
    public void Add(SampleRun run, double[] source, double[] port)
    {
        var labels = OutputValues.Of(_data.Read(_labels, run.First, run.Count))!;
        if (IsClasses)
        {
            AddClasses(labels, source, port);
        }
        else if (labels.Length == source.Length)
        {
            _squares.AddRange(labels.Select((label, i) => (Square(source[i] - label), Square(port[i] - label))));
        }
        else
        {
            throw Unfit($"a sample has {labels.Length / run.Count} labels and {source.Length / run.Count} values of '{Output}'");
        }
    }

    /// <summary>Accuracy of source and port and its drop, or their squared errors.</summary>
    public IEnumerable<Figure> Figures()
    {
        if (!IsClasses)
        {
            yield return Mean(Metric.MeanSquaredError, Subject.Source, [.. _squares.Select(s => s.Source)]);
            yield return Mean(Metric.MeanSquaredError, Subject.Port, [.. _squares.Select(s => s.Port)]);
            yield break;
        }

        foreach (var figure in TaskFigures.Of(_data.Name, [.. _answers.Select(a => a.Source == a.Label)], [.. _answers.Select(a => a.Port == a.Label)]))
        {
            yield return figure;
        }

        foreach (var (of, top) in new[] { (Subject.Source, _top.Source), (Subject.Port, _top.Port) })
        {
            yield return Named(Metric.MacroF1, of, 100 * MacroF1(_answers.Select(a => (a.Label, of == Subject.Source ? a.Source : a.Port))));
            if (_classes > Top)
            {
                yield return Named(Metric.TopFiveAccuracy, of, 100.0 * top / _answers.Count);
            }
        }
    }

    /// <summary>How the answers of source and port differ; null for labels that are no classes.</summary>
    /// <param name="sha256">SHA-256 of the data.</param>
    public TaskParity? Parity(string sha256)
    {
        if (!IsClasses)
        {
            return null;
        }

        int[] lost = [.. _answers.Index().Where(a => a.Item.Source == a.Item.Label && a.Item.Port != a.Item.Label).Select(a => a.Index)];
        var gained = _answers.Count(a => a.Source != a.Label && a.Port == a.Label);
        return new TaskParity
        {
            File = _data.Name,
            Sha256 = sha256,
            Kind = TaskKind.Classification,
            Questions = _answers.Count,
            Total = _answers.Count,
            Lost = lost.Length,
            Gained = gained,
            LostLines = [.. lost.Take(MostLines)],
            Significance = McNemar.Of(lost.Length, gained),
        };
    }

    /// <summary>The mean of the F1 of all classes that are a label or an answer: twice the right ones by labels and answers.</summary>
    internal static double MacroF1(IEnumerable<(int Label, int Answer)> answers)
    {
        var all = answers.ToArray();
        var (labels, found) = (all.CountBy(a => a.Label).ToDictionary(), all.CountBy(a => a.Answer).ToDictionary());
        var right = all.Where(a => a.Label == a.Answer).CountBy(a => a.Label).ToDictionary();
        return labels.Keys.Union(found.Keys).Average(c => 2.0 * right.GetValueOrDefault(c) / (labels.GetValueOrDefault(c) + found.GetValueOrDefault(c)));
    }

    private void AddClasses(double[] labels, double[] source, double[] port)
    {
        _classes = source.Length % labels.Length == 0 ? source.Length / labels.Length : 0;
        if (_classes < 2)
        {
            throw Unfit($"{labels.Length} labels for {source.Length} values of '{Output}' leave no value for each class");
        }

        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0 || labels[i] >= _classes)
            {
                throw Unfit(string.Create(CultureInfo.InvariantCulture, $"a label is {labels[i]}, and '{Output}' has {_classes} classes"));
            }

            var label = (int)labels[i];
            ReadOnlySpan<double> ofSource = source.AsSpan(i * _classes, _classes);
            ReadOnlySpan<double> ofPort = port.AsSpan(i * _classes, _classes);
            _answers.Add((label, TensorPrimitives.IndexOfMax(ofSource), TensorPrimitives.IndexOfMax(ofPort)));
            _top = (_top.Source + IsAmongTop(ofSource, label), _top.Port + IsAmongTop(ofPort, label));
        }
    }

    // Of equal values the earlier counts as larger, as with the largest of all.
    private static int IsAmongTop(ReadOnlySpan<double> values, int label)
    {
        var before = 0;
        for (var i = 0; i < values.Length; i++)
        {
            before += values[i] > values[label] || (i < label && values[i] == values[label]) ? 1 : 0;
        }

        return before < Top && !double.IsNaN(values[label]) ? 1 : 0;
    }

    private static double Square(double value) => value * value;

    private Figure Mean(Metric metric, Subject of, double[] values) => Named(metric, of, values.Average(), OutputComparison.MeanError(values));

    private Figure Named(Metric metric, Subject of, double value, double? error = null) => Figure.For(metric, of, null, value, error) with { On = _data.Name };

    private ModelPortException Unfit(string found) => new(Diagnose.LabelsUnfit(_data.Path, found, _signature.Outputs.Select(o => o.ToString())));
}
