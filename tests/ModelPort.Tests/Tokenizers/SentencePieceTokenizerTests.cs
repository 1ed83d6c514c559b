using System.Text;
using System.Text.Json;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tests.Support;
using ModelPort.Tokenizers;

namespace ModelPort.Tests.Tokenizers;

/// <summary>The engine for tokenizer.model against SentencePiece itself, and against the tokenizer.json beside it.</summary>
public sealed class SentencePieceTokenizerTests
{
    private static readonly string[] Fixtures = ["mistral-spm", "gemma2", "phi3"];

    [Fact]
    public void The_fixtures_models_give_the_ids_of_SentencePiece() =>
        Compare([.. Fixtures.Select(f => Path.Combine(Repository.Checkpoint(f), "tokenizer.model"))], GeneratedTexts.Make(1000));

    [Fact]
    public void Models_with_every_kind_of_piece_give_the_ids_of_SentencePiece()
    {
        using var folder = new TemporaryFolder();
        (string Text, float Score, int Type)[] pieces =
        [
            ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("ab", -1, 1), ("bc", -1, 1), ("▁a", -2, 1), ("abc", -3, 5), ("▁ab", -4, 1), ("aa", -5, 5), ("aaaa", -6, 1), ("ca", -6, 1),
            ("<sep>", 0, 4), ("cab", 0, 4), ("▁", -7, 1), ("a", -8, 1), ("b", -9, 1), ("c", -10, 1), ("x", -11, 1), (".", -12, 1), ("▁▁", -13, 1),
        ];
        (string Text, float Score, int Type)[] bytes = [.. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", 0f, 6))];
        var paths = new List<string>();
        foreach (var fallback in new[] { false, true })
        {
            foreach (var prefix in new[] { false, true })
            {
                foreach (var trims in new[] { false, true })
                {
                    paths.Add(folder[$"{fallback}-{prefix}-{trims}.model"]);
                    File.WriteAllBytes(paths[^1], Model(fallback ? [.. pieces, .. bytes] : pieces, fallback, prefix, trims));
                }
            }
        }

        Compare(paths, [.. GeneratedTexts.Make(400, "<sep>", "cab", "<s>"), "abcabc", "aaaaaa aaaa aaa", "  a  b  ", "abc<sep>abc <sep> cabcab", "", "   ", "é?!a", "▁a▁▁"]);
    }

    [Fact]
    public void Where_both_files_lie_they_give_the_same_ids()
    {
        foreach (var fixture in Fixtures)
        {
            var json = new HuggingFaceTokenizer(TokenizerJson.Open(Path.Combine(Repository.Checkpoint(fixture), "tokenizer.json")));
            var model = new SentencePieceTokenizer(SentencePieceModel.Open(Path.Combine(Repository.Checkpoint(fixture), "tokenizer.model")), [], []);
            // Added tokens are text to SentencePiece.
            Assert.All(GeneratedTexts.Make(600).Where(t => !t.Contains('<', StringComparison.Ordinal)), text => Assert.Equal(json.Encode(text, false), model.Encode(text, false)));
        }
    }

    [Fact]
    public void What_is_not_reproduced_is_refused()
    {
        using var folder = new TemporaryFolder();
        void Refused(byte[] model)
        {
            File.WriteAllBytes(folder["m"], model);
            Assert.Throws<TokenizerUncheckedException>(() => new SentencePieceTokenizer(SentencePieceModel.Open(folder["m"]), [], []));
        }

        (string, float, int)[] pieces = [("<unk>", 0, 2), ("a", 0, 1)];
        Refused([.. Model(pieces, false, true, true), .. Field(2, [3 << 3, 1])]);
        Refused([.. Model(pieces, false, true, true), .. Field(2, [0xC0, 1, 1])]);
        Refused([.. Model(pieces, false, true, true), .. Field(3, [(2 << 3) | 2, 1, 0])]);
        Refused([.. Model(pieces, false, true, true), .. Field(3, [5 << 3, 0])]);
        Refused(Model([.. pieces, ("a b", 0, 4)], false, true, true));
    }

    private static void Compare(List<string> paths, IReadOnlyList<string> texts)
    {
        var answers = TokenizerOracle.Ask([.. paths.Select(p => (p, texts))]);
        for (var i = 0; i < paths.Count; i++)
        {
            var tokenizer = new SentencePieceTokenizer(SentencePieceModel.Open(paths[i]), [1], [2]);
            for (var text = 0; text < texts.Count; text++)
            {
                var ids = tokenizer.Encode(texts[text], addSpecial: false);
                if (!ids.SequenceEqual(answers[i].Ids[text]))
                {
                    Assert.Fail($"{paths[i]} splits {JsonSerializer.Serialize(texts[text])} into [{string.Join(' ', ids)}], SentencePiece into [{string.Join(' ', answers[i].Ids[text])}]");
                }

                Assert.Equal([1, .. ids, 2], tokenizer.Encode(texts[text], addSpecial: true));
            }
        }
    }

    /// <summary>A ModelProto of sentencepiece_model.proto.</summary>
    private static byte[] Model(IEnumerable<(string Text, float Score, int Type)> pieces, bool byteFallback, bool addDummyPrefix, bool removeExtraWhitespaces) =>
    [
        .. pieces.SelectMany(p => Field(1, [.. Field(1, Encoding.UTF8.GetBytes(p.Text)), (2 << 3) | 5, .. BitConverter.GetBytes(p.Score), 3 << 3, (byte)p.Type])),
        .. Field(2, [3 << 3, 2, 0x98, 2, (byte)(byteFallback ? 1 : 0)]),
        .. Field(3, [3 << 3, (byte)(addDummyPrefix ? 1 : 0), 4 << 3, (byte)(removeExtraWhitespaces ? 1 : 0)]),
    ];

    private static byte[] Field(int number, byte[] content) => [(byte)((number << 3) | 2), (byte)content.Length, .. content];
}
