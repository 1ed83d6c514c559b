using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Files that are not there, or not of one piece.</summary>
public sealed class MissingFileTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void An_undamaged_copy_is_ported()
    {
        var request = _checkpoint.Request();
        var outcome = PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken);
        Assert.Equal(["model-Q8_0.gguf"], outcome.OutputPaths.Select(Path.GetFileName));
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        Directory.Delete(_checkpoint.Model, recursive: true);
        _checkpoint.Refused("MP1001", _checkpoint.Model, _checkpoint.Model, "config.json");
    }

    [Fact]
    public void A_file_in_place_of_the_folder_is_refused()
    {
        Directory.Delete(_checkpoint.Model, recursive: true);
        File.WriteAllText(_checkpoint.Model, "no folder");
        _checkpoint.Refused("MP1011", _checkpoint.Model, "a file as the source");
    }

    [Fact]
    public void A_missing_config_is_named()
    {
        _checkpoint.Delete("config.json");
        _checkpoint.Refused("MP1002", _checkpoint["config.json"], "config.json");
    }

    [Fact]
    public void A_missing_tokenizer_is_named()
    {
        _checkpoint.Delete("tokenizer.json");
        _checkpoint.Refused("MP1002", _checkpoint["tokenizer.json"], "tokenizer.model");
    }

    [Fact]
    public void Missing_weights_are_named()
    {
        _checkpoint.Delete("model.safetensors");
        _checkpoint.Refused("MP1002", _checkpoint.Weights, "model.safetensors.index.json");
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        _checkpoint.Shard();
        _checkpoint.Delete("model-00002-of-00002.safetensors");
        _checkpoint.Refused("MP1002", _checkpoint["model-00002-of-00002.safetensors"], "model.safetensors.index.json");
    }

    [Fact]
    public void An_index_that_names_a_tensor_no_shard_holds_is_refused()
    {
        _checkpoint.Shard(map => map["model.layers.0.extra.weight"] = "model-00001-of-00002.safetensors");
        _checkpoint.Refused("MP1006", _checkpoint["model.safetensors.index.json"], "'model.layers.0.extra.weight'", "no shard holds it");
    }

    [Fact]
    public void An_index_that_lacks_a_tensor_is_refused()
    {
        _checkpoint.Shard(map => map.Remove("model.norm.weight"));
        _checkpoint.Refused("MP1006", _checkpoint["model.safetensors.index.json"], "'model.norm.weight'", "not in the index");
    }

    [Fact]
    public void An_index_that_puts_a_tensor_into_the_wrong_shard_is_refused()
    {
        _checkpoint.Shard(map => map["model.norm.weight"] = "model-00001-of-00002.safetensors");
        _checkpoint.Refused("MP1006", _checkpoint["model.safetensors.index.json"], "'model.norm.weight'", "is in model-00002-of-00002.safetensors");
    }

    [Fact]
    public void An_index_that_leads_out_of_the_folder_is_refused()
    {
        _checkpoint.Shard(map => map["model.norm.weight"] = "../model-00002-of-00002.safetensors");
        _checkpoint.Refused("MP1010", _checkpoint["model.safetensors.index.json"], "../model-00002-of-00002.safetensors");
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        _checkpoint.Shard();
        var shard = _checkpoint["model-00001-of-00002.safetensors"];
        var norm = new TensorEdit(_checkpoint["model-00002-of-00002.safetensors"])["model.norm.weight"];
        new TensorEdit(shard).Add(norm.Name, norm.Type, norm.Shape, norm.Bytes).Save(shard);
        _checkpoint.Refused("MP1007", _checkpoint["model-00002-of-00002.safetensors"], "'model.norm.weight'");
    }
}
