using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>A config.json that cannot be right, or is not supported.</summary>
public sealed class ConfigTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"hidden_size\": 128")]
    [InlineData("\0\0\0\0")]
    public void A_config_that_is_no_json_object_is_refused(string text)
    {
        File.WriteAllText(_checkpoint["config.json"], text);
        Refused("MP1005");
    }

    [Fact]
    public void An_unsupported_architecture_is_listed_with_the_supported_and_the_nearest()
    {
        _checkpoint.EditConfig(c => c["architectures"] = new JsonArray("LlamaForCasualLM"));
        Refused("MP1012", "'LlamaForCasualLM'", "nearest: LlamaForCausalLM", "MistralForCausalLM");
    }

    [Fact]
    public void An_architecture_far_from_all_has_no_nearest()
    {
        _checkpoint.EditConfig(c => c["architectures"] = new JsonArray("WhisperEncoder"));
        var error = Refused("MP1012", "'WhisperEncoder'", "LlamaForCausalLM");
        Assert.DoesNotContain("nearest", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    public void A_config_without_architecture_is_refused(string architectures)
    {
        _checkpoint.EditConfig(c => c["architectures"] = JsonNode.Parse(architectures));
        Refused("MP1013", "'architectures'", "LlamaForCausalLM");
    }

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("num_hidden_layers")]
    [InlineData("num_attention_heads")]
    [InlineData("intermediate_size")]
    [InlineData("vocab_size")]
    public void A_missing_number_is_named(string key)
    {
        _checkpoint.EditConfig(c => c.Remove(key));
        Refused("MP1013", key, "missing");
    }

    [Theory]
    [InlineData("hidden_size", "0")]
    [InlineData("hidden_size", "-128")]
    [InlineData("hidden_size", "9000000000000000000")]
    [InlineData("num_hidden_layers", "1000000000")]
    [InlineData("num_attention_heads", "2000000")]
    [InlineData("vocab_size", "4294967296")]
    [InlineData("head_dim", "99999999999")]
    [InlineData("max_position_embeddings", "-1")]
    [InlineData("rms_norm_eps", "1e300")]
    [InlineData("rope_theta", "-5")]
    [InlineData("rope_theta", "1e300")]
    public void An_absurd_number_is_named(string key, string value)
    {
        _checkpoint.EditConfig(c =>
        {
            if (key == "rope_theta")
            {
                c.Remove("rope_parameters");
            }

            c[key] = JsonNode.Parse(value);
        });
        // The header's key for the norm's epsilon ends otherwise than the configuration's.
        Refused("MP1013", key == "rms_norm_eps" ? "epsilon" : key);
    }

    [Theory]
    [InlineData("hidden_size", "2000000000", "model.embed_tokens.weight")]
    [InlineData("vocab_size", "2147483648", "model.embed_tokens.weight")]
    [InlineData("head_dim", "2000000000", "self_attn")]
    [InlineData("intermediate_size", "2147483648", "mlp")]
    public void A_number_that_the_tensors_contradict_is_refused_before_anything_is_made_of_it(string key, string value, string tensor)
    {
        _checkpoint.EditConfig(c => c[key] = JsonNode.Parse(value));
        _checkpoint.Refused("MP1016", _checkpoint.Weights, tensor, "config.json makes it");
    }

    [Fact]
    public void More_layers_than_the_file_holds_are_missing_tensors()
    {
        _checkpoint.EditConfig(c => c["num_hidden_layers"] = 9999);
        _checkpoint.Refused("MP1014", _checkpoint.Weights, "model.layers.3.");
    }

    [Fact]
    public void Key_heads_that_do_not_divide_the_heads_are_refused()
    {
        _checkpoint.EditConfig(c => c["num_key_value_heads"] = 3);
        Refused("MP1013", "'num_key_value_heads': 3", "divisor of the 4 attention heads");
    }

    [Fact]
    public void Heads_that_do_not_divide_the_width_are_refused()
    {
        _checkpoint.EditConfig(c =>
        {
            c.Remove("head_dim");
            c["num_attention_heads"] = 6;
        });
        Refused("MP1013", "'num_attention_heads': 6", "hidden_size (128)");
    }

    [Fact]
    public void An_odd_head_is_refused()
    {
        _checkpoint.EditConfig(c => c["head_dim"] = 33);
        Refused("MP1013", "'head_dim': 33", "even");
    }

    [Theory]
    [InlineData("hidden_size", "\"wide\"")]
    [InlineData("hidden_size", "[128]")]
    [InlineData("num_hidden_layers", "2.5")]
    [InlineData("rms_norm_eps", "{}")]
    public void A_value_of_the_wrong_kind_is_named(string key, string value)
    {
        _checkpoint.EditConfig(c => c[key] = JsonNode.Parse(value));
        Refused("MP1005", $"'{key}'");
    }

    [Theory]
    [InlineData("factor", "0")]
    [InlineData("factor", "1e300")]
    [InlineData("high_freq_factor", "0.5")]
    [InlineData("original_max_position_embeddings", "-4")]
    public void Rotary_scaling_out_of_order_is_refused(string key, string value)
    {
        _checkpoint.EditConfig(c => c["rope_parameters"]![key] = JsonNode.Parse(value));
        Refused("MP1013", "factor");
    }

    [Fact]
    public void Weights_that_are_quantised_already_are_refused()
    {
        _checkpoint.EditConfig(c => c["quantization_config"] = new JsonObject { ["quant_method"] = "gptq" });
        Refused("MP1011", "quantization_config", "BF16");
    }

    [Fact]
    public void An_activation_that_the_architecture_does_not_compute_is_refused()
    {
        _checkpoint.EditConfig(c => c["hidden_act"] = "gelu");
        Refused("MP1013", "'hidden_act': 'gelu'", "'silu'");
    }

    private Diagnostic Refused(string code, params string[] texts) => _checkpoint.Refused(code, _checkpoint["config.json"], texts);
}
