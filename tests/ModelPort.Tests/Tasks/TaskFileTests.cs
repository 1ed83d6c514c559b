using System.Text;
using ModelPort.Diagnostics;
using ModelPort.Parity.Tasks;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tasks;

public sealed class TaskFileTests : IDisposable
{
    private const string Choice = """{"prompt": "2 + 2 =", "choices": [" 4", " 5"], "answer": 0}""";
    private const string Completion = """{"prompt": "2 + 2 =", "completion": " 4"}""";

    private readonly TemporaryFolder _folder = new();

    private string Path => _folder["task.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Questions_of_multiple_choice_are_read_with_their_lines()
    {
        var task = Open("\uFEFF\r\n{\"score\": \"mean\"}\r\n\n" + Choice + "\r\n" + """{"id": 7, "answer": 1, "choices": ["a", "b", "c"], "prompt": "é\u00e9"}""");
        Assert.Equal((TaskKind.MultipleChoice, ChoiceScore.Mean, 2), (task.Kind, task.Settings.Score, task.Total));
        var (first, second) = ((ChoiceQuestion)task.Questions[0], (ChoiceQuestion)task.Questions[1]);
        Assert.Equal((4, "2 + 2 =", 0), (first.Line, first.Prompt, first.Answer));
        Assert.Equal([" 4", " 5"], first.Choices);
        Assert.Equal((5, "éé", 1), (second.Line, second.Prompt, second.Answer));
        Assert.Equal("task.jsonl", task.Name);
        Assert.Equal(64, task.Sha256.Length);
    }

    [Fact]
    public void Questions_of_completion_are_read_with_their_settings()
    {
        var task = Open("{\"stop\": [\"\\n\", \"###\"], \"maxTokens\": 5}\n" + Completion);
        Assert.Equal(TaskKind.Completion, task.Kind);
        Assert.Equal(["\n", "###"], task.Settings.Stop);
        Assert.Equal(5, task.Settings.MaxTokens);
        Assert.Equal(" 4", ((CompletionQuestion)Assert.Single(task.Questions)).Completion);
        Assert.Equal(["."], Open("{\"stop\": \".\"}\n" + Completion).Settings.Stop);
        Assert.Same(TaskSettings.Default, Open(Completion).Settings);
    }

    [Fact]
    public void Of_a_long_file_questions_at_even_distances_are_asked()
    {
        var text = string.Join('\n', Enumerable.Repeat(Choice, 100));
        Assert.Equal(100, Open(text, 1000).Questions.Count);
        var some = Open(text, 8);
        Assert.Equal((100, 8), (some.Total, some.Questions.Count));
        int[] lines = [.. some.Questions.Select(q => q.Line)];
        Assert.All(lines.Zip(lines.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 12, 13));
        Assert.Equal(lines, Open(text, 8).Questions.Select(q => q.Line));
    }

    [Theory]
    [InlineData("", "no question")]
    [InlineData("\n \n", "no question")]
    [InlineData("{\"score\": \"sum\"}", "0 questions")]
    [InlineData("[1, 2]", "a list of 2", "prompt, choices and answer")]
    [InlineData("{\"prompt\": \"a\"", "one JSON object")]
    [InlineData("{\"prompt\": \"a\"} {}", "one JSON object")]
    [InlineData("{\"prompt\": \"a\", \"prompt\": \"b\"}", "one JSON object")]
    [InlineData("{\"prompt\": \"a\"}", "neither choices nor completion")]
    [InlineData("{\"prompt\": \"\", \"completion\": \"b\"}", "prompt is empty")]
    [InlineData("{\"prompt\": 5, \"completion\": \"b\"}", "prompt is 5", "a text")]
    [InlineData("{\"prompt\": \"a\", \"completion\": \" \"}", "white space")]
    [InlineData("{\"prompt\": \"\\ud800\", \"completion\": \"b\"}", "surrogate")]
    [InlineData("{\"prompt\": \"a\", \"completion\": \"b\", \"choices\": [\"a\", \"b\"], \"answer\": 1}", "choices and completion")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\"], \"answer\": 0}", "a list of 1", "2 to 64 texts")]
    [InlineData("{\"prompt\": \"a\", \"choices\": {}, \"answer\": 0}", "an object", "2 to 64 texts")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"\"], \"answer\": 0}", "choices[1] is empty")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", null], \"answer\": 0}", "choices[1] is null")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"]}", "no answer")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 2}", "answer is 2", "from 0 to 1")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": \"B\"}", "answer is the text \"B\"", "from 0 to 1")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 0.5}", "answer is 0.5")]
    [InlineData("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 1e99}", "answer is 1e99")]
    public void A_line_that_is_no_question_is_refused_by_its_number(string line, params string[] texts)
    {
        Refused(line, 1, texts);
        if (line.StartsWith("{\"prompt\"", StringComparison.Ordinal))
        {
            Refused(Choice + "\n\n" + line + "\n" + Choice, 3, texts);
        }
    }

    [Theory]
    [InlineData("{\"score\": \"median\"}", Choice, "\"median\"", "\"sum\" or \"mean\"")]
    [InlineData("{\"score\": 1}", Choice, "score is 1")]
    [InlineData("{\"stop\": \"a\"}", Choice, "'stop'", "settings, which are score here")]
    [InlineData("{\"score\": \"sum\"}", Completion, "'score'", "settings, which are stop and maxTokens here")]
    [InlineData("{\"stop\": []}", Completion, "stop is a list of 0")]
    [InlineData("{\"stop\": \"\"}", Completion, "stop is empty")]
    [InlineData("{\"stop\": [\"a\", 5]}", Completion, "stop[1] is 5")]
    [InlineData("{\"maxTokens\": 257}", Completion, "maxTokens is 257", "from 1 to 256")]
    public void Settings_that_mean_nothing_are_refused(string settings, string question, params string[] texts) => Refused(settings + "\n" + question, 1, texts);

    [Fact]
    public void Two_kinds_in_a_file_are_refused() => Refused(Choice + "\n" + Completion, 2, ["another kind"]);

    [Fact]
    public void A_file_that_is_missing_not_UTF8_or_too_large_is_refused()
    {
        Assert.Equal("MP1002", Error(() => TaskFile.Open(_folder["none.jsonl"], 10)).Code);
        File.WriteAllBytes(Path, [.. Encoding.UTF8.GetBytes(Choice), 0xFF]);
        Assert.Equal("MP1005", Error(() => TaskFile.Open(Path, 10)).Code);
        using (var file = File.Create(Path))
        {
            file.SetLength((64L << 20) + 1);
        }

        Assert.Equal("MP1009", Error(() => TaskFile.Open(Path, 10)).Code);
    }

    private TaskFile Open(string text, int most = 1000)
    {
        File.WriteAllText(Path, text);
        return TaskFile.Open(Path, most);
    }

    private void Refused(string text, int line, string[] texts)
    {
        var error = Error(() => Open(text));
        Assert.Equal(("MP1050", Path), (error.Code, error.File));
        Assert.StartsWith($"Line {line}: ", error.Message, StringComparison.Ordinal);
        Assert.All(texts, expected => Assert.Contains(expected, error.Message, StringComparison.Ordinal));
    }

    private static Diagnostic Error(Action action) => Assert.Throws<ModelPortException>(action).Diagnostic;
}
