using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Engines.Tests;

public sealed class LlamaModelTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private static readonly LlamaRuntime Runtime = LlamaRuntime.Load();

    [Fact]
    public void A_model_tells_its_shape()
    {
        var model = tiny.Model;

        Assert.Equal(TinyModel.Tokens.Length, model.VocabularySize);
        Assert.Equal(TinyModel.Embedding, model.EmbeddingLength);
        Assert.Equal(TinyModel.Blocks, model.LayerCount);
        Assert.Equal(TinyModel.Context, model.TrainingContextLength);
        Assert.Equal(model.SizeBytes, model.ParameterCount * sizeof(float));
        Assert.Contains("llama", model.Description, StringComparison.Ordinal);
        Assert.Equal(tiny.Path, model.Path);
    }

    [Fact]
    public void Scalar_metadata_can_be_looked_up()
    {
        Assert.Equal("tiny", tiny.Model.Metadata["general.name"]);
        Assert.Equal("2", tiny.Model.Metadata["llama.block_count"]);
        Assert.False(tiny.Model.Metadata.ContainsKey("llama.no_such_key"));
    }

    [Fact]
    public void Metadata_longer_than_the_first_buffer_is_whole()
    {
        using var folder = new TemporaryFolder();
        var template = string.Concat(Enumerable.Repeat("{{ 猫 }}", 500));
        TinyModel.Write(folder["a.gguf"], metadata => metadata.Set("tokenizer.chat_template", template));

        using var model = LlamaModel.Load(Runtime, folder["a.gguf"], new LlamaModelOptions { VocabularyOnly = true });

        Assert.Equal(template, model.Metadata["tokenizer.chat_template"]);
    }

    [Fact]
    public void A_missing_file_is_refused_with_the_native_log()
    {
        var error = Refusal("absent.gguf");

        Assert.Equal("no such file", error.Found);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(4000)]
    [InlineData(100_000)]
    public void A_truncated_file_is_refused_with_the_native_log(int length)
    {
        File.WriteAllBytes(tiny.Folder["cut.gguf"], File.ReadAllBytes(tiny.Path)[..length]);

        Refusal("cut.gguf");
    }

    [Fact]
    public void Garbage_is_refused_with_the_native_log()
    {
        var bytes = new byte[5000];
        new Random(3).NextBytes(bytes);
        File.WriteAllBytes(tiny.Folder["garbage.gguf"], bytes);

        Refusal("garbage.gguf");
    }

    [Fact]
    public void A_folder_is_refused_with_the_native_log()
    {
        Directory.CreateDirectory(tiny.Folder["folder.gguf"]);

        Refusal("folder.gguf");
    }

    [Fact]
    public void A_model_without_a_needed_tensor_shape_is_refused_with_the_native_log()
    {
        TinyModel.Write(tiny.Folder["shape.gguf"], metadata => metadata.Set("llama.feed_forward_length", 768u));

        var error = Refusal("shape.gguf");

        Assert.Contains(error.NativeLog, line => line.Contains("ffn_", StringComparison.Ordinal));
    }

    [Fact]
    public void A_model_of_an_unknown_architecture_is_refused_with_the_native_log()
    {
        TinyModel.Write(tiny.Folder["unknown.gguf"], metadata => metadata.Set("general.architecture", "abacus"));

        var error = Refusal("unknown.gguf");

        Assert.Contains(error.NativeLog, line => line.Contains("abacus", StringComparison.Ordinal));
    }

    public static TheoryData<string, object> FatalHeaders => new()
    {
        { "llama.block_count", 0u },
        { "llama.block_count", 513u },
        { "llama.block_count", uint.MaxValue },
        { "llama.expert_count", 513u },
        { "llama.expert_used_count", 2u },
        { "llama.expert_group_count", 2u },
        { "llama.attention.layer_norm_rms_epsilon", float.NaN },
        { "llama.attention.layer_norm_rms_epsilon", -1f },
        { "llama.rope.scaling.type", "spiral" },
        { "tokenizer.ggml.tokens", (string[])[.. TinyModel.Tokens[..^1], "<s>"] },
    };

    [Theory]
    [MemberData(nameof(FatalHeaders))]
    public void A_header_that_would_end_the_process_is_refused(string key, object value)
    {
        TinyModel.Write(tiny.Folder["fatal.gguf"], metadata => metadata.Set(key, value switch
        {
            string[] texts => GgufValue.FromArray<string>(texts),
            string text => GgufValue.From(text),
            uint number => GgufValue.From(number),
            _ => GgufValue.From((float)value),
        }));

        var error = Assert.Throws<EngineException>(() => LlamaModel.Load(Runtime, tiny.Folder["fatal.gguf"]));
        Assert.Equal(EngineFault.ModelRefused, error.Fault);
        Assert.StartsWith(key, error.Found, StringComparison.Ordinal);
        Assert.Throws<EngineException>(() => LlamaFileQuantizer.Quantize(tiny.Folder["fatal.gguf"], tiny.Folder["out.gguf"], 7));
    }

    [Fact]
    public void Checked_tensors_may_not_hold_NaN()
    {
        TinyModel.Write(tiny.Folder["nan.gguf"], changeWeights: (name, values) => values[7] = name == "blk.1.ffn_up.weight" ? float.NaN : values[7]);

        var error = Refusal("nan.gguf", new LlamaModelOptions { CheckTensors = true });

        Assert.Contains(error.NativeLog, line => line.Contains("blk.1.ffn_up.weight", StringComparison.Ordinal));
        LlamaModel.Load(Runtime, tiny.Folder["nan.gguf"]).Dispose();
    }

    [Fact]
    public void A_path_with_a_zero_character_is_refused() =>
        Assert.Throws<ArgumentException>(() => LlamaModel.Load(Runtime, tiny.Path + "\0.gguf"));

    [Fact]
    public void Progress_is_told_up_to_the_end()
    {
        List<float> seen = [];

        LlamaModel.Load(Runtime, tiny.Path, new LlamaModelOptions { Progress = seen.Add }).Dispose();

        Assert.Equal(1, seen[^1]);
        Assert.Equal(seen.Order(), seen);
    }

    [Fact]
    public void A_load_can_be_cancelled_from_its_progress()
    {
        using var source = new CancellationTokenSource();

        var error = Assert.Throws<OperationCanceledException>(() => LlamaModel.Load(
            Runtime, tiny.Path, new LlamaModelOptions { Progress = _ => source.Cancel(), CancellationToken = source.Token }));

        Assert.Equal(source.Token, error.CancellationToken);
    }

    [Fact]
    public void What_the_progress_callback_throws_reaches_the_caller()
    {
        var error = Assert.Throws<NotSupportedException>(() => LlamaModel.Load(
            Runtime, tiny.Path, new LlamaModelOptions { Progress = _ => throw new NotSupportedException("mine") }));

        Assert.Equal("mine", error.Message);
    }

    [Fact]
    public void A_disposed_model_throws_instead_of_crashing()
    {
        var model = LlamaModel.Load(Runtime, tiny.Path);
        model.Dispose();
        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => model.Metadata);
        Assert.Throws<ObjectDisposedException>(() => model.Vocabulary.Tokenize("a", false, false));
        Assert.Throws<ObjectDisposedException>(() => model.Vocabulary.TokenText(0));
        Assert.Throws<ObjectDisposedException>(() => new LlamaContext(model, new LlamaContextOptions()));
        Assert.Equal(TinyModel.Blocks, model.LayerCount);
    }

    [Fact]
    public void The_log_keeps_lines_and_calls_back()
    {
        List<LlamaLogLine> seen = [];
        Runtime.Log.Callback = line =>
        {
            lock (seen)
            {
                seen.Add(line);
            }

            throw new InvalidOperationException("must not reach native code");
        };
        try
        {
            LlamaModel.Load(Runtime, tiny.Path).Dispose();
        }
        finally
        {
            Runtime.Log.Callback = null;
        }

        Assert.NotEmpty(seen);
        Assert.DoesNotContain(Runtime.Log.Lines, line => line.Text.Contains('\n', StringComparison.Ordinal));
        Assert.InRange(Runtime.Log.Lines.Count, 1, LlamaLog.Capacity);
    }

    private EngineException Refusal(string name, LlamaModelOptions? options = null)
    {
        var error = Assert.Throws<EngineException>(() => LlamaModel.Load(Runtime, tiny.Folder[name], options).Dispose());

        Assert.Equal(EngineFault.ModelRefused, error.Fault);
        Assert.Equal(tiny.Folder[name], error.Path);
        Assert.NotEmpty(error.NativeLog);
        return error;
    }
}
