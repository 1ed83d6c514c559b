using System.Security.Cryptography;
using System.Text.Json.Serialization;
using System.Text.Unicode;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Tasks;

/// <summary>What a task asks a model to do.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TaskKind>))]
public enum TaskKind
{
    /// <summary>The most probable of several continuations of a prompt is the model's answer.</summary>
    [JsonStringEnumMemberName("multipleChoice")]
    MultipleChoice,

    /// <summary>The greedy continuation of a prompt is the model's answer.</summary>
    [JsonStringEnumMemberName("completion")]
    Completion,

    /// <summary>The class with the largest value of an output is the model's answer (models of ONNX Runtime, with labels).</summary>
    [JsonStringEnumMemberName("classification")]
    Classification,
}

/// <summary>
/// A task: questions with answers, one JSON object a line (.jsonl). <c>{"prompt", "choices", "answer"}</c> is a question of multiple choice whose answer is
/// the index of a choice, <c>{"prompt", "completion"}</c> one whose answer is a text; a file holds one kind. Other members of a question are ignored. The
/// first line may be an object without a prompt instead: the task's settings (<see cref="TaskSettings"/>).
/// </summary>
/// <param name="Name">The file's name.</param>
/// <param name="Path">The file, for messages.</param>
/// <param name="Sha256">SHA-256 of its bytes, in lower-case hex.</param>
/// <param name="Kind">What it asks.</param>
/// <param name="Settings">How answers are found.</param>
/// <param name="Total">Questions in the file.</param>
/// <param name="Questions">Those that are asked, in the order of the file.</param>
public sealed record TaskFile(string Name, string Path, string Sha256, TaskKind Kind, TaskSettings Settings, int Total, IReadOnlyList<TaskQuestion> Questions)
{
    /// <summary>The extension of task files.</summary>
    public const string Extension = ".jsonl";

    private const long MaxLength = 64L << 20;

    /// <summary>Reads and checks a task, all of its lines.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mostQuestions">At most so many questions are asked; of a longer file, this many at even distances.</param>
    /// <exception cref="ModelPortException">MP1002 or MP1003: the file is missing or unreadable; MP1005: it is not UTF-8; MP1009: it is too large; MP1050: a line is no question.</exception>
    public static TaskFile Open(string path, int mostQuestions)
    {
        var bytes = ReadAll(path);
        if (!Utf8.IsValid(bytes))
        {
            throw new ModelPortException(Diagnose.Malformed(path, "bytes that are not UTF-8", "text in UTF-8"));
        }

        return new TaskReader(path, bytes).Read(System.IO.Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(bytes)), mostQuestions);
    }

    private static byte[] ReadAll(string path)
    {
        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.FileMissing(path, "a task of Evaluation"));
        }

        try
        {
            var length = new FileInfo(path).Length;
            return length <= MaxLength
                ? File.ReadAllBytes(path)
                : throw new ModelPortException(Diagnose.TooLarge(path, Sizes.Bytes(length), $"a task of at most {Sizes.Bytes(MaxLength)}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.Unreadable(path, e.Message), e);
        }
    }
}
