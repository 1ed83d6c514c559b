using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Parity.Tasks;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tasks;

public sealed class ChoiceTests(SampleModel sample) : IClassFixture<SampleModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string Questions => Path.Combine(Repository.Root, "tests", "Fixtures", "tasks", "noun-domain-64.jsonl");

    private static double[][] Reference { get; } = ReadReference();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Log_probabilities_of_choices_equal_PyTorchs()
    {
        var task = TaskFile.Open(Questions, 1000);
        var found = Score(sample.Exact, task);
        Assert.Equal(64, found.Length);
        Assert.All(found.Zip(Reference), pair => Close(pair.Second, pair.First, 0.05));
        bool[] expected = [.. task.Questions.Select((q, i) => Array.IndexOf(Reference[i], Reference[i].Max()) == ((ChoiceQuestion)q).Answer)];
        Assert.Equal(18, expected.Count(right => right));
        Assert.Equal(expected, Answers(sample.Exact, task));
    }

    [Fact]
    public void The_mean_is_the_sum_divided_by_the_tokens_of_a_choice()
    {
        var vocabulary = sample.Exact.Vocabulary;
        File.WriteAllText(_folder["mean.jsonl"], "{\"score\": \"mean\"}\n" + File.ReadAllText(Questions));
        var task = TaskFile.Open(_folder["mean.jsonl"], 8);
        var sums = Score(sample.Exact, task with { Settings = TaskSettings.Default });
        var means = Score(sample.Exact, task);
        for (var q = 0; q < task.Questions.Count; q++)
        {
            var lengths = ((ChoiceQuestion)task.Questions[q]).Choices.Select(c => vocabulary.Tokenize(c, false, false).Length).ToArray();
            Assert.True(lengths.Distinct().Count() > 1);
            Close([.. sums[q].Zip(lengths, (s, l) => s / l)], means[q], 1e-4);
        }
    }

    [Fact]
    public void A_question_has_the_numbers_that_it_has_alone_whatever_is_asked_with_it()
    {
        string[] words = ["body", "plant", "location", "the bone of the upper arm", "a", "artifact of the bronze age"];
        string[] lines =
        [
            Line("tooth: one of the hard structures in the mouth\nDomain:", [.. Enumerable.Range(0, 64).Select(i => " " + words[i % words.Length] + new string('.', i / words.Length))]),
            Line("dog: an animal\nDomain:", [" a", " plant"]),
            Line(string.Concat(Enumerable.Repeat("In the beginning God created the heaven and the earth. ", 60)), [" And", " But the Lord", " Then said he"]),
            Line("a", ["b", "c"]),
        ];
        var together = Score(sample.Exact, Task(lines));
        Assert.Equal([64, 2, 3, 2], together.Select(q => q.Length));
        for (var i = 0; i < lines.Length; i++)
        {
            Close(Score(sample.Exact, Task(lines[i]))[0], together[i], 0.02);
            var question = (ChoiceQuestion)Task(lines[i]).Questions[0];
            Close([.. question.Choices.Select(c => Alone(question.Prompt, c)).Take(12)], together[i][..Math.Min(12, together[i].Length)], 0.02);
        }
    }

    [Fact]
    public void A_question_that_is_longer_than_the_context_is_named()
    {
        var path = Task(Line("a", ["b", "c"]), Line(string.Concat(Enumerable.Repeat("zebra xylophone ", 2000)), [" a", " b"])).Path;
        var error = Assert.Throws<ModelPortException>(() => Score(sample.Exact, TaskFile.Open(path, 10))).Diagnostic;
        Assert.Equal(("MP1051", path), (error.Code, error.File));
        Assert.Contains("line 2 ", error.Message, StringComparison.Ordinal);
        Assert.Contains("at most 2048", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Source_and_port_are_compared_question_by_question()
    {
        var task = TaskFile.Open(Questions, 1000);
        bool[] source = Answers(sample.Exact, task);
        bool[] port = [.. Answers(sample.Quantised, task).Select((right, i) => i % 9 == 0 ? !right : right)];
        var found = TaskParity.Of(task, source, port);
        Assert.InRange(found.Lost, 1, 20);
        Assert.InRange(found.Gained, 1, 20);
        Assert.Equal(found.Lost, found.LostLines.Count);
        Assert.All(found.LostLines, line => Assert.True(source[line - 1] && !port[line - 1]));
        Assert.Equal(McNemar.Of(found.Lost, found.Gained), found.Significance);
        Assert.Equal((64, 64, "noun-domain-64.jsonl", ChoiceScore.Sum), (found.Questions, found.Total, found.File, found.Score));

        var figures = TaskFigures.Of(task.Name, source, port).ToArray();
        Assert.All(figures, f => Assert.Equal("noun-domain-64.jsonl", f.On));
        Assert.Equal([("accuracy", Subject.Source, "%"), ("accuracy", Subject.Port, "%"), ("accuracyDrop", Subject.Port, "points")], figures.Select(f => (f.Name, f.Of, f.Unit)));
        Assert.Equal(100 * 18 / 64.0, figures[0].Value, 1e-9);
        Assert.Equal(100 * Math.Sqrt(18 / 64.0 * (1 - 18 / 64.0) / 63), figures[0].Error!.Value, 1e-9);
        Assert.Equal(100 * port.Count(a => a) / 64.0, figures[1].Value, 1e-9);
        Assert.Equal(figures[0].Value - figures[1].Value, figures[2].Value, 1e-9);
        Assert.Equal(100 * (found.Lost - found.Gained) / 64.0, figures[2].Value, 1e-9);

        var same = TaskParity.Of(task, source, source);
        var drop = TaskFigures.Of(task.Name, source, source).Last();
        Assert.Equal((0, 0, 1.0, 0.0, 0.0), (same.Lost, same.Gained, same.Significance.PValue, drop.Value, drop.Error!.Value));
    }

    private TaskFile Task(params string[] lines)
    {
        var path = _folder[$"{Guid.NewGuid():N}.jsonl"];
        File.WriteAllLines(path, lines);
        return TaskFile.Open(path, 1000);
    }

    private static string Line(string prompt, string[] choices) => JsonSerializer.Serialize(new { prompt, choices, answer = 0 });

    private static double[][] Score(LlamaModel model, TaskFile task) => new ChoiceScorer(model, task, 1).Score(_ => { }, TestContext.Current.CancellationToken);

    private static bool[] Answers(LlamaModel model, TaskFile task) => TaskAnswers.Of(model, task, 1, _ => { }, TestContext.Current.CancellationToken);

    /// <summary>The plain way: one sequence, all logits.</summary>
    private double Alone(string prompt, string choice)
    {
        var vocabulary = sample.Exact.Vocabulary;
        int[] prefix = vocabulary.Tokenize(prompt, addSpecial: true, parseSpecial: true);
        int[] tokens = [.. prefix, .. vocabulary.Tokenize(choice, addSpecial: false, parseSpecial: false)];
        using var context = new LlamaContext(sample.Exact, new LlamaContextOptions { ContextLength = tokens.Length, Threads = 1 });
        using var batch = new LlamaBatch(tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            batch.Add(tokens[i], i, 0, i >= prefix.Length - 1);
        }

        context.Decode(batch, TestContext.Current.CancellationToken);
        return Enumerable.Range(prefix.Length - 1, tokens.Length - prefix.Length).Sum(i =>
        {
            double[] logits = [.. context.Logits(i).ToArray().Select(l => (double)l)];
            return logits[tokens[i + 1]] - Math.Log(logits.Sum(Math.Exp));
        });
    }

    private static void Close(double[] expected, double[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    private static double[][] ReadReference()
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.ChangeExtension(Questions, ".reference.json")));
        return [.. file.RootElement.GetProperty("logProbabilities").EnumerateArray().Select(q => q.EnumerateArray().Select(p => p.GetDouble()).ToArray())];
    }
}
