using System.Globalization;
using System.Text.Json;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Tasks;

/// <summary>Reads the lines of a task; every fault names its line, what was found and what was expected.</summary>
/// <param name="path">The file, for messages.</param>
/// <param name="utf8">Its content, which is valid UTF-8.</param>
internal sealed class TaskReader(string path, ReadOnlyMemory<byte> utf8)
{
    private const int MostChoices = 64;
    private const int MostStops = 8;
    private const int MostTokens = 256;
    private const int MostQuestions = 1 << 20;
    private const string QuestionForm = "an object with prompt, choices and answer, or with prompt and completion";

    private static readonly string[] ChoiceSettings = ["score"];
    private static readonly string[] CompletionSettings = ["stop", "maxTokens"];

    private int _line;

    /// <summary>Reads the task.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="sha256">Its hash.</param>
    /// <param name="mostQuestions">How many questions are kept, at even distances.</param>
    public TaskFile Read(string name, string sha256, int mostQuestions)
    {
        var lines = Lines().ToArray();
        var first = lines.Length > 0 ? ReadLine(lines[0]) : throw Fault(1, "no question", QuestionForm);
        var head = first is { ValueKind: JsonValueKind.Object } && !first.TryGetProperty("prompt", out _) ? first : (JsonElement?)null;
        if (head is not null)
        {
            lines = lines[1..];
        }

        if (lines.Length is 0 or > MostQuestions)
        {
            throw Fault(_line, $"{lines.Length} questions", $"1 to {MostQuestions}");
        }

        var kept = new List<TaskQuestion>();
        Type? kind = null;
        for (var i = 0; i < lines.Length; i++)
        {
            var question = Question(ReadLine(lines[i]));
            if (question.GetType() != (kind ??= question.GetType()))
            {
                throw Fault(_line, "a question of another kind than those before", "one kind in a file");
            }

            // The question at which another even distance is full; all of them when there are not more than wanted.
            var wanted = Math.Min(mostQuestions, lines.Length);
            if ((long)(i + 1) * wanted / lines.Length > (long)i * wanted / lines.Length)
            {
                kept.Add(question);
            }
        }

        var task = kind == typeof(ChoiceQuestion) ? TaskKind.MultipleChoice : TaskKind.Completion;
        return new TaskFile(name, path, sha256, task, Settings(head, task), lines.Length, kept);
    }

    private IEnumerable<(int Line, ReadOnlyMemory<byte> Text)> Lines()
    {
        var rest = utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
        for (var line = 1; !rest.IsEmpty; line++)
        {
            var end = rest.Span.IndexOf((byte)'\n');
            var text = end < 0 ? rest : rest[..end];
            if (text.Span.ContainsAnyExcept(" \t\r"u8))
            {
                yield return (line, text);
            }

            rest = rest[text.Length..];
            rest = end < 0 ? rest : rest[1..];
        }
    }

    private JsonElement ReadLine((int Line, ReadOnlyMemory<byte> Text) line)
    {
        _line = line.Line;
        try
        {
            return JsonElement.Parse(line.Text.Span, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            // System.Text.Json appends its own zero-based position to the sentence.
            var position = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
            throw Fault(_line, (position < 0 ? e.Message : e.Message[..position]).TrimEnd('.', ' '), "one JSON object");
        }
    }

    private TaskQuestion Question(JsonElement line)
    {
        if (line.ValueKind != JsonValueKind.Object)
        {
            throw Fault(_line, Describe(line), QuestionForm);
        }

        var prompt = Text(Required(line, "prompt"), "prompt");
        var choices = line.TryGetProperty("choices", out var list);
        if (choices == line.TryGetProperty("completion", out var completion))
        {
            throw Fault(_line, choices ? "choices and completion" : "neither choices nor completion", QuestionForm);
        }

        if (!choices)
        {
            var text = Text(completion, "completion");
            return string.IsNullOrWhiteSpace(text)
                ? throw Fault(_line, "a completion of white space", "a text that the continuation is compared with")
                : new CompletionQuestion(_line, prompt, text);
        }

        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is < 2 or > MostChoices)
        {
            throw Fault(_line, $"choices is {Describe(list)}", $"a list of 2 to {MostChoices} texts");
        }

        string[] texts = [.. list.EnumerateArray().Select((c, i) => Text(c, $"choices[{i}]"))];
        return new ChoiceQuestion(_line, prompt, texts, Integer(Required(line, "answer"), "answer", 0, texts.Length - 1, "the index of the right choice, "));
    }

    private TaskSettings Settings(JsonElement? head, TaskKind kind)
    {
        var settings = TaskSettings.Default;
        if (head is not { } line)
        {
            return settings;
        }

        _line = Lines().First().Line;
        var valid = kind == TaskKind.MultipleChoice ? ChoiceSettings : CompletionSettings;
        foreach (var member in line.EnumerateObject())
        {
            if (!valid.Contains(member.Name))
            {
                throw Fault(_line, $"a line without a prompt, with '{member.Name}'", $"{QuestionForm}, or settings, which are {string.Join(" and ", valid)} here");
            }

            settings = member.Name switch
            {
                "score" => settings with { Score = Score(member.Value) },
                "stop" => settings with { Stop = Stops(member.Value) },
                _ => settings with { MaxTokens = Integer(member.Value, "maxTokens", 1, MostTokens, "a whole number ") },
            };
        }

        return settings;
    }

    private ChoiceScore Score(JsonElement value) => value.ValueKind != JsonValueKind.String ? throw Fault(_line, $"score is {Describe(value)}", "\"sum\" or \"mean\"")
        : value.ValueEquals("sum") ? ChoiceScore.Sum
        : value.ValueEquals("mean") ? ChoiceScore.Mean
        : throw Fault(_line, $"score is {Describe(value)}", "\"sum\" or \"mean\"");

    private string[] Stops(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return [Text(value, "stop")];
        }

        return value.GetArrayLength() is >= 1 and <= MostStops
            ? [.. value.EnumerateArray().Select((s, i) => Text(s, $"stop[{i}]"))]
            : throw Fault(_line, $"stop is {Describe(value)}", $"a text or a list of 1 to {MostStops} texts");
    }

    private JsonElement Required(JsonElement line, string name) =>
        line.TryGetProperty(name, out var value) ? value : throw Fault(_line, $"no {name}", QuestionForm);

    private string Text(JsonElement value, string name)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
                ? text
                : throw Fault(_line, $"{name} is {Describe(value)}", "a text that is not empty");
        }
        catch (InvalidOperationException)
        {
            throw Fault(_line, $"{name} holds half of a surrogate pair", "Unicode text");
        }
    }

    private int Integer(JsonElement value, string name, int least, int most, string meaning) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most
            ? number
            : throw Fault(_line, $"{name} is {Describe(value)}", string.Create(CultureInfo.InvariantCulture, $"{meaning}from {least} to {most}"));

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => $"a list of {value.GetArrayLength()}",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => value.ValueEquals("") ? "empty" : $"the text {Shortened(value.GetRawText())}",
        JsonValueKind.Number => Shortened(value.GetRawText()),
        _ => value.GetRawText(),
    };

    private static string Shortened(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private ModelPortException Fault(int line, string found, string expected) => new(Diagnose.TaskInvalid(path, line, found, expected));
}
