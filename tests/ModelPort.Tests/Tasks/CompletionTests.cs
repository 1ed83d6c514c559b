using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Tasks;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tasks;

public sealed class CompletionTests(SampleModel sample) : IClassFixture<SampleModel>, IDisposable
{
    private static readonly string[] Prompts =
    [
        "In the beginning God created", "And the Lord said unto Moses", "dog: a domestic animal", "Blessed are the", "house of the Lord", "the man that walketh",
        "And it came to pass", "For God so", "tree: a tall", "And Jesus answered and", "He that hath", "The children of Israel", "Let there be", "water: a clear", "Our Father which art",
        "sing unto", "king of Judah", "the firstborn",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Continuations_are_those_of_one_prompt_alone_cut_at_the_first_stop()
    {
        foreach (var (stop, most) in new[] { ("\n", 12), (" the", 24), ("e", 9) })
        {
            var task = Task(JsonSerializer.Serialize(new { stop, maxTokens = most }), [.. Prompts.Select(p => (p, "x"))]);
            var found = new CompletionRunner(sample.Exact, task, 1).Complete(_ => { }, TestContext.Current.CancellationToken);
            var alone = Prompts.Select(p => Alone(p, stop, most)).ToArray();
            Assert.True(alone.Distinct().Count() > Prompts.Length / 2);
            Assert.Equal(alone, found);
        }
    }

    [Fact]
    public void An_answer_is_right_when_it_is_the_expected_text_but_for_the_white_space_around_it()
    {
        var answer = Alone(Prompts[0], "\n", 6);
        Assert.NotEqual("", answer);
        const string settings = """{"maxTokens": 6}""";
        Assert.Equal([true, true, false, false], Answers(Task(settings, [(Prompts[0], answer), (Prompts[0], $" {answer}\n"), (Prompts[0], answer + "x"), (Prompts[0], answer.ToUpperInvariant())])));
    }

    [Fact]
    public void A_prompt_without_room_for_its_continuation_is_named()
    {
        var long2048 = string.Concat(Enumerable.Repeat("zebra xylophone ", 2000));
        var task = Task("""{"maxTokens": 4}""", [("a", "b"), (long2048, "b")]);
        var error = Assert.Throws<ModelPortException>(() => Answers(task)).Diagnostic;
        Assert.Equal(("MP1051", task.Path), (error.Code, error.File));
        Assert.Contains("line 3 ", error.Message, StringComparison.Ordinal);
        Assert.Contains("room for 4 more", error.Message, StringComparison.Ordinal);
    }

    private TaskFile Task(string settings, (string Prompt, string Completion)[] questions)
    {
        var path = _folder[$"{Guid.NewGuid():N}.jsonl"];
        File.WriteAllLines(path, [settings, .. questions.Select(q => JsonSerializer.Serialize(new { prompt = q.Prompt, completion = q.Completion }))]);
        return TaskFile.Open(path, 1000);
    }

    private bool[] Answers(TaskFile task) => TaskAnswers.Of(sample.Exact, task, 1, _ => { }, TestContext.Current.CancellationToken);

    /// <summary>The plain way: one sequence, token by token.</summary>
    private string Alone(string prompt, string stop, int most)
    {
        var vocabulary = sample.Exact.Vocabulary;
        var tokens = vocabulary.Tokenize(prompt, addSpecial: true, parseSpecial: true).ToList();
        using var context = new LlamaContext(sample.Exact, new LlamaContextOptions { ContextLength = 256, Threads = 1 });
        using var batch = new LlamaBatch(256);
        var generated = new List<int>();
        for (var done = 0; generated.Count < most; done = tokens.Count - 1)
        {
            batch.Clear();
            for (var i = done; i < tokens.Count; i++)
            {
                batch.Add(tokens[i], i, 0, i == tokens.Count - 1);
            }

            context.Decode(batch, TestContext.Current.CancellationToken);
            var next = System.Numerics.Tensors.TensorPrimitives.IndexOfMax(context.Logits(batch.Count - 1));
            if (vocabulary.IsEndOfGeneration(next))
            {
                break;
            }

            tokens.Add(next);
            generated.Add(next);
        }

        return vocabulary.Detokenize([.. generated]).Split(stop)[0].Trim();
    }
}
