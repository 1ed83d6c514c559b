using System.Collections.Immutable;
using System.Text.Json;

namespace ModelPort.Formats.Tests;

public sealed class ModelConfigTests
{
    [Fact]
    public void The_first_name_that_is_present_and_not_null_counts()
    {
        ModelConfig config = Open("""{"n_inner": null, "intermediate_size": 768, "hidden_dim": 1}""");
        Assert.True(config.TryGetInt64(out long value, "n_inner", "intermediate_size", "hidden_dim"));
        Assert.Equal(768, value);
        Assert.False(config.TryGetInt64(out _, "none"));
        Assert.True(config.Contains("hidden_dim"));
        Assert.False(config.Contains("n_inner"));
    }

    [Fact]
    public void The_text_config_comes_before_the_root()
    {
        ModelConfig config = Open("""
            {"architectures": ["A"], "hidden_size": 1, "model_type": "outer", "text_config": {"hidden_size": 2, "architectures": ["B"], "vocab_size": null}, "vocab_size": 9}
            """);
        Assert.True(config.TryGetInt64(out long hidden, "hidden_size") && hidden == 2);
        Assert.True(config.TryGetInt64(out long vocabulary, "vocab_size") && vocabulary == 9);
        Assert.True(config.TryGetString(out string? type, "model_type") && type == "outer");
        Assert.True(config.Root.TryGetInt64(out hidden, "hidden_size") && hidden == 1);
        Assert.False(config.Text!.Contains("model_type"));
        Assert.Equal(["A"], config.Architectures);
    }

    [Fact]
    public void Types_are_read_and_mismatches_name_the_key()
    {
        ModelConfig config = Open("""
            {"i": 1e4, "f": 2.5, "s": "x", "b": true, "o": {"rope_type": "yarn", "deep": {"n": "no"}}, "list": [1, 2.5], "ints": [1, 2], "names": ["a"], "mixed": [1, "a"], "big": 1e300}
            """);
        Assert.True(config.TryGetInt64(out long integer, "i") && integer == 10000);
        Assert.True(config.TryGetDouble(out double number, "i") && number == 10000);
        Assert.True(config.TryGetBool(out bool flag, "b") && flag);
        Assert.True(config.TryGetObject(out ConfigObject? rope, "o") && rope.TryGetString(out string? type, "rope_type") && type == "yarn");
        Assert.True(config.TryGetDoubles(out ImmutableArray<double> doubles, "list") && doubles.SequenceEqual([1, 2.5]));
        Assert.True(config.TryGetInt64s(out ImmutableArray<long> integers, "ints") && integers.SequenceEqual([1, 2]));
        Assert.True(config.TryGetStrings(out ImmutableArray<string> names, "names") && names.SequenceEqual(["a"]));
        Assert.True(config.TryGetArray(out ImmutableArray<JsonElement> mixed, "mixed") && mixed.Length == 2);
        Assert.True(config.TryGetElement(out JsonElement element, "s") && element.GetString() == "x");
        Assert.Empty(config.Architectures);

        Faults.Expect(FileFault.Malformed, () => config.TryGetInt64(out _, "none", "f"), "f", "2.5");
        Faults.Expect(FileFault.Malformed, () => config.TryGetInt64(out _, "big"), "big");
        Faults.Expect(FileFault.Malformed, () => config.TryGetInt64(out _, "b"), "b");
        Faults.Expect(FileFault.Malformed, () => config.TryGetDouble(out _, "s"), "s");
        Faults.Expect(FileFault.Malformed, () => config.TryGetString(out _, "i"), "i");
        Faults.Expect(FileFault.Malformed, () => config.TryGetBool(out _, "i"), "i");
        Faults.Expect(FileFault.Malformed, () => config.TryGetObject(out _, "list"), "list");
        Faults.Expect(FileFault.Malformed, () => config.TryGetInt64s(out _, "list"), "list[1]");
        Faults.Expect(FileFault.Malformed, () => config.TryGetStrings(out _, "mixed"), "mixed[0]");
        config.TryGetObject(out ConfigObject? outer, "o");
        outer!.TryGetObject(out ConfigObject? deep, "deep");
        Faults.Expect(FileFault.Malformed, () => deep!.TryGetInt64(out _, "n"), "o.deep.n");
    }

    [Fact]
    public void Bare_NaN_and_Infinity_are_numbers_and_the_same_words_in_texts_stay_texts()
    {
        ModelConfig config = Open("""{"a": NaN, "b": [Infinity, -Infinity, 1], "c": "NaN, \"Infinity", "d": -1}""");
        Assert.True(config.TryGetDouble(out double a, "a") && double.IsNaN(a));
        Assert.True(config.TryGetDoubles(out ImmutableArray<double> b, "b"));
        Assert.Equal([double.PositiveInfinity, double.NegativeInfinity, 1], b);
        Assert.True(config.TryGetString(out string? c, "c"));
        Assert.Equal("NaN, \"Infinity", c);
        Assert.True(config.TryGetInt64(out long d, "d") && d == -1);
    }

    [Theory]
    [InlineData("{\"a\": NaN, oops}", FileFault.Malformed)]
    [InlineData("{\"a\": \"NaN", FileFault.Malformed)]
    [InlineData("{\"a\": NaN", FileFault.Malformed)]
    [InlineData("{\"a\": 1, \"a\": 2}", FileFault.Duplicate)]
    [InlineData("{\"o\": {\"a\": 1, \"a\": 2}}", FileFault.Duplicate)]
    [InlineData("[]", FileFault.Malformed)]
    [InlineData("", FileFault.Malformed)]
    [InlineData("{\"text_config\": 1}", FileFault.Malformed)]
    [InlineData("{\"architectures\": \"A\"}", FileFault.Malformed)]
    [InlineData("{\"a\": \"\\ud800\"}", FileFault.Malformed)]
    public void What_is_no_config_is_refused(string json, FileFault fault) => Faults.Expect(fault, () => Open(json));

    [Fact]
    public void Nesting_is_bounded() => Faults.Expect(FileFault.Malformed, () => Open(new string('[', 100_000)));

    [Fact]
    public void A_byte_order_mark_is_dropped() => Assert.True(Open("\uFEFF{\"a\": 1}").Contains("a"));

    [Fact]
    public void Generation_configs_give_sampling_and_one_or_more_ends()
    {
        GenerationConfig config = OpenGeneration("""{"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true, "eos_token_id": [1, 2], "bos_token_id": 3, "min_p": null}""");
        Assert.Equal((0.6, 20, 0.95), (config.Temperature, config.TopK, config.TopP));
        Assert.True(config.DoSample);
        Assert.Null(config.MinP);
        Assert.Equal([1, 2], config.EosTokenIds);
        Assert.Equal(3, config.BosTokenId);
        Assert.Equal([7], OpenGeneration("""{"eos_token_id": 7}""").EosTokenIds);
        Assert.Empty(OpenGeneration("{}").EosTokenIds);
        Faults.Expect(FileFault.Malformed, () => OpenGeneration("""{"eos_token_id": "x"}"""), "eos_token_id");
        Faults.Expect(FileFault.Malformed, () => OpenGeneration("""{"top_k": 0.5}"""), "top_k");
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] bytes = File.ReadAllBytes(Fixtures.Model("gemma2", "config.json"));
        Damage.NeverSurprises(bytes, bytes.Length, path =>
        {
            ModelConfig config = ModelConfig.Open(path);
            config.TryGetInt64(out _, "hidden_size");
            config.TryGetStrings(out _, "layer_types");
        });
    }

    private static ModelConfig Open(string json)
    {
        using TempFolder folder = new();
        return ModelConfig.Open(folder.Write("config.json", json));
    }

    private static GenerationConfig OpenGeneration(string json)
    {
        using TempFolder folder = new();
        return GenerationConfig.Open(folder.Write("generation_config.json", json));
    }
}
