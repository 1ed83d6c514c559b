using System.Text;
using CsCheck;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>Texts of any length, of which only the beginning is read.</summary>
public sealed class EvaluationTextTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_beginning_is_cut_between_characters() => Gen.Select(Gen.OneOf(Gen.Const("a"), Gen.Const("é"), Gen.Const("語"), Gen.Const("🙂")).List[0, 40], Gen.Int[0, 170]).Sample(
        (characters, bytes) =>
        {
            var path = _folder[$"{Environment.CurrentManagedThreadId}.txt"];
            File.WriteAllText(path, string.Concat(characters));
            var expected = new StringBuilder();
            foreach (var character in characters.TakeWhile((_, i) => Encoding.UTF8.GetByteCount(string.Concat(characters.Take(i + 1))) <= bytes))
            {
                expected.Append(character);
            }

            Assert.Equal(expected.ToString(), EvaluationText.Open(path).Beginning(bytes));
        },
        iter: 300);

    [Theory]
    [InlineData(20, 20)]
    [InlineData(300_000, 300_000)]
    [InlineData(262_143, 262_143)]
    [InlineData(262_144, 262_144)]
    public void A_byte_that_is_not_UTF8_is_found_wherever_it_lies(int offset, int named)
    {
        var bytes = Enumerable.Repeat((byte)'a', 400_000).ToArray();
        bytes[offset] = 0xFF;
        File.WriteAllBytes(_folder["text.txt"], bytes);
        var error = Assert.Throws<ModelPortException>(() => EvaluationText.Open(_folder["text.txt"])).Diagnostic;
        Assert.Equal("MP1005", error.Code);
        Assert.Contains($"at offset {named};", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_character_across_two_reads_is_no_fault()
    {
        File.WriteAllText(_folder["text.txt"], new string('a', 262_142) + "🙂 and more");
        Assert.Equal(262_142 + 4 + 9, EvaluationText.Open(_folder["text.txt"]).Length);
    }

    [Fact]
    public void The_hash_is_that_of_the_file()
    {
        File.WriteAllText(_folder["text.txt"], "In the beginning");
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(_folder["text.txt"]))), EvaluationText.Open(_folder["text.txt"]).Sha256);
    }

    [Theory]
    [InlineData("wordnet-llama-v1", 512)]
    [InlineData("llama3-rope", 2048)]
    [InlineData("mistral-spm", 512)]
    public void The_beginning_of_a_long_text_gives_the_windows_of_the_whole(string name, int tokens)
    {
        var text = EvaluationText.Open(Path.Combine(Repository.Root, "tests", "Fixtures", "texts", "held-out.txt"));
        using var model = LlamaModel.Load(
            LlamaRuntime.Load(), Ports.Make(Repository.Checkpoint(name), "BF16", _folder.Path)["BF16"], new LlamaModelOptions { VocabularyOnly = true });
        var sample = TextSample.Take(model, text, tokens, 256);
        Assert.InRange(Encoding.UTF8.GetByteCount(sample.Text), 1, text.Length / 2);

        var whole = TokenWindows.Cut(model.Vocabulary.Tokenize(text.Beginning(int.MaxValue), addSpecial: true, parseSpecial: false), 256, model.Vocabulary.AddBos ? model.Vocabulary.Bos : null, tokens);
        Assert.Equal(tokens / 256, sample.Windows.Count);
        Assert.All(Enumerable.Range(0, whole.Count), i => Assert.Equal(whole[i], sample.Windows[i]));
        Assert.True(sample.IsSplitAlikeBy(model));
    }
}
