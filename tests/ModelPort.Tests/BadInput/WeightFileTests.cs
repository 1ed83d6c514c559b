using System.Text.Json.Nodes;
using ModelPort.Formats.Safetensors;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Damaged safetensors files, and tensors that do not fit the model.</summary>
public sealed class WeightFileTests : IDisposable
{
    private const string Norm = "model.norm.weight";
    private const string Key = "model.layers.1.self_attn.k_proj.weight";
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(1_000_000)]
    public void A_truncated_file_is_refused(int length)
    {
        using (var file = File.OpenWrite(_checkpoint.Weights))
        {
            file.SetLength(length);
        }

        _checkpoint.Refused("MP1004", _checkpoint.Weights, "truncated");
    }

    [Fact]
    public void Bytes_behind_the_last_tensor_are_refused()
    {
        File.AppendAllText(_checkpoint.Weights, "more");
        _checkpoint.Refused("MP1006", _checkpoint.Weights, "4 bytes that belong to no tensor");
    }

    [Fact]
    public void Overlapping_offsets_are_refused()
    {
        _checkpoint.EditHeaderJson(header => header[Norm]!["data_offsets"] = new JsonArray(0, 256));
        _checkpoint.Refused("MP1006", _checkpoint.Weights, "overlaps");
    }

    [Fact]
    public void Offsets_beyond_the_file_are_refused()
    {
        _checkpoint.EditHeaderJson(header => header[Norm]!["data_offsets"] = new JsonArray(9_000_000_000, 9_000_000_256));
        _checkpoint.Refused("MP1004", _checkpoint.Weights, Norm);
    }

    [Fact]
    public void Offsets_that_disagree_with_the_shape_are_refused()
    {
        _checkpoint.EditHeaderJson(header => header[Norm]!["shape"] = new JsonArray(64));
        _checkpoint.Refused("MP1006", _checkpoint.Weights, Norm, "128 bytes");
    }

    [Theory]
    [InlineData(100_000_001ul)]
    [InlineData(ulong.MaxValue)]
    public void An_absurd_header_length_is_refused(ulong length)
    {
        _checkpoint.EditHeader(header => header, length);
        _checkpoint.Refused("MP1009", _checkpoint.Weights, "a header of");
    }

    [Fact]
    public void A_header_that_is_no_json_is_refused()
    {
        _checkpoint.EditHeader(header => header.Replace(':', ';'));
        _checkpoint.Refused("MP1005", _checkpoint.Weights);
    }

    [Fact]
    public void A_name_that_stands_twice_is_refused()
    {
        _checkpoint.EditHeader(header => header.Replace("model.layers.0.input_layernorm.weight", Norm, StringComparison.Ordinal));
        _checkpoint.Refused("MP1007", _checkpoint.Weights, Norm);
    }

    [Fact]
    public void An_unknown_dtype_is_refused()
    {
        _checkpoint.EditHeaderJson(header => header[Norm]!["dtype"] = "BF17");
        _checkpoint.Refused("MP1008", _checkpoint.Weights, Norm, "BF17");
    }

    [Fact]
    public void Control_characters_and_lengths_of_a_file_stay_out_of_messages()
    {
        _checkpoint.EditHeaderJson(header => header[Norm]!["dtype"] = "a\nb\u001b[31m" + new string('x', 100_000));
        var error = _checkpoint.Refused("MP1008", _checkpoint.Weights);
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.True(error.Message.Length < 5000);
    }

    [Fact]
    public void A_dtype_that_holds_no_weights_is_refused()
    {
        _checkpoint.EditTensors(t => t.Change(Norm, n => n with { Type = SafetensorsType.I16 }));
        _checkpoint.Refused("MP1008", _checkpoint.Weights, Norm, "I16", "BF16");
    }

    [Fact]
    public void A_shape_that_disagrees_with_the_config_is_refused()
    {
        _checkpoint.EditTensors(t => t.Change(Key, k => k with { Shape = [k.Shape[1], k.Shape[0]] }));
        _checkpoint.Refused("MP1016", _checkpoint.Weights, Key, "[128, 64]", "[64, 128]");
    }

    [Fact]
    public void A_missing_tensor_is_named_with_the_nearest_present()
    {
        _checkpoint.EditTensors(t => t.Remove(Key));
        _checkpoint.Refused("MP1014", _checkpoint.Weights, $"'{Key}'", "nearest name present");
    }

    [Fact]
    public void A_misspelled_tensor_has_no_place()
    {
        _checkpoint.EditTensors(t => t.Change(Key, k => k with { Name = "model.layers.1.self_attn.k_prog.weight" }));
        _checkpoint.Refused("MP1015", _checkpoint.Weights, "'model.layers.1.self_attn.k_prog.weight'", "llama");
    }

    [Fact]
    public void A_tensor_without_a_place_is_named()
    {
        _checkpoint.EditTensors(t => t.Add("model.vision.weight", SafetensorsType.BF16, [2], new byte[4]));
        _checkpoint.Refused("MP1015", _checkpoint.Weights, "'model.vision.weight'");
    }

    [Theory]
    [InlineData((ushort)0x7FC0, "NaN")]
    [InlineData((ushort)0x7F80, "infinity")]
    [InlineData((ushort)0xFF80, "infinity")]
    public void A_value_that_is_not_finite_is_named_with_its_tensor_and_element(ushort bits, string name)
    {
        _checkpoint.EditTensors(t => t.Poke("model.layers.2.mlp.up_proj.weight", 4321, bits));
        _checkpoint.Refused("MP1017", _checkpoint.Weights, "'model.layers.2.mlp.up_proj.weight'", $"holds {name} at element 4321");
    }

    [Fact]
    public void A_value_that_is_not_finite_is_found_where_rows_move_and_types_stay()
    {
        _checkpoint.Metadata["Precision"] = "BF16";
        _checkpoint.EditTensors(t => t.Poke(Key, 77, 0x7FC0));
        _checkpoint.Refused("MP1017", _checkpoint.Weights, $"'{Key}'", "element 77");
    }

    [Fact]
    public void A_double_beyond_the_range_of_a_float_is_named()
    {
        double[] values = [.. Enumerable.Repeat(1.0, 127), 1e300];
        _checkpoint.EditTensors(t => t.Change(Norm, n => n with { Type = SafetensorsType.F64, Bytes = [.. values.SelectMany(BitConverter.GetBytes)] }));
        _checkpoint.Refused("MP1017", _checkpoint.Weights, $"'{Norm}'", "element 127", "range of F32");
    }

    [Fact]
    public void A_value_that_the_search_of_a_grid_cannot_take_is_named()
    {
        using var checkpoint = new DamagedCheckpoint("wordnet-llama-v1");
        checkpoint.Metadata["Precision"] = "IQ3_S";
        checkpoint.EditTensors(t => t.Poke("model.layers.1.mlp.up_proj.weight", 4321, 0x5368));
        checkpoint.Refused("MP2009", checkpoint.Weights, "'model.layers.1.mlp.up_proj.weight'", "element 4321", "IQ3_S");
    }
}
