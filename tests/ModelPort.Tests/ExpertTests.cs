using System.Text.Json.Nodes;
using ModelPort.Checkpoints;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>Mixtures of experts: one stack of the output from many tensors of the checkpoint.</summary>
public sealed class ExpertTests
{
    private const string Second = "model.layers.1.block_sparse_moe.experts.5.w2.weight";

    [Fact]
    public void Experts_are_stacked_by_number_when_the_last_of_a_block_has_come()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        using var folder = new TemporaryFolder();
        using var file = GgufShards.Open(Ports.Make(checkpoint.Model, "BF16", folder.Path)["BF16"]);
        Assert.Equal(
            ["blk.0.ffn_gate_exps.weight", "blk.0.ffn_down_exps.weight", "blk.0.ffn_up_exps.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_norm.weight"],
            file.Tensors.Select(t => t.Name).Where(n => n.StartsWith("blk.0.", StringComparison.Ordinal)).Take(5));

        var dense = new TensorEdit(Path.Combine(Repository.Fixture("llama3-rope"), "model.safetensors"));
        foreach (var (target, source) in new[] { ("gate", "gate_proj"), ("down", "down_proj"), ("up", "up_proj") })
        {
            var entry = dense[$"model.layers.2.mlp.{source}.weight"];
            var stack = file.Tensors.Single(t => t.Name == $"blk.2.ffn_{target}_exps.weight");
            Assert.Equal([entry.Shape[1], entry.Shape[0], ExpertCheckpoint.Experts], stack.Shape);
            Assert.Equal(Enumerable.Range(0, ExpertCheckpoint.Experts).SelectMany(e => ExpertCheckpoint.Turned(entry, e)), Bytes(file, stack));
        }
    }

    [Theory]
    [InlineData("llama3-rope", ExpertForm.Mixtral)]
    [InlineData("qwen3", ExpertForm.Qwen)]
    public void A_checkpoint_of_stacks_gives_the_tensors_of_one_with_experts_apart(string dense, ExpertForm apart)
    {
        using var one = new DamagedCheckpoint(dense);
        using var other = new DamagedCheckpoint(dense);
        using var folder = new TemporaryFolder();
        one.GiveExperts(apart);
        other.GiveExperts(ExpertForm.Stacked);
        var files = new[] { one, other }.Select((c, i) => Ports.Make(c.Model, "BF16;Q4_0", Directory.CreateDirectory(folder[$"{i}"]).FullName)).ToArray();
        foreach (var precision in files[0].Keys)
        {
            using var left = GgufShards.Open(files[0][precision]);
            using var right = GgufShards.Open(files[1][precision]);
            var byName = right.Tensors.ToDictionary(t => t.Name);
            Assert.Equal(left.Tensors.Length, byName.Count);
            Assert.All(left.Tensors, t => Assert.True(Bytes(left, t).SequenceEqual(Bytes(right, byName[t.Name])), t.Name));
        }
    }

    [Theory]
    [InlineData("llama3-rope", ExpertForm.Mixtral)]
    [InlineData("llama3-rope", ExpertForm.Stacked)]
    [InlineData("qwen3", ExpertForm.Qwen)]
    [InlineData("qwen3", ExpertForm.Stacked)]
    public void Experts_that_are_all_the_dense_layer_compute_what_PyTorch_computed_with_it(string dense, ExpertForm form)
    {
        using var checkpoint = new DamagedCheckpoint(dense);
        using var folder = new TemporaryFolder();
        checkpoint.GiveExperts(form, distinct: false);
        var path = Ports.Make(checkpoint.Model, "F32", folder.Path)["F32"];
        Assert.InRange(ReferenceLogits.LargestDifference(path, Path.Combine(Repository.Fixture(dense), "reference", "logits.safetensors")), 0, 2e-4f);
    }

    [Fact]
    public void Experts_in_several_shards_are_found_and_their_bytes_do_not_depend_on_threads_or_memory()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        using var folder = new TemporaryFolder();
        var expected = Ports.Make(checkpoint.Model, "Q4_K_M;F16", folder.Path).ToDictionary(f => f.Key, f => Sorted(f.Value));
        checkpoint.Shard(experts: [2, 5]);
        var actual = Ports.Make(checkpoint.Model, "Q4_K_M;F16", folder.Path, r => r with { Threads = 3, MemoryBudget = 1 << 20 }).ToDictionary(f => f.Key, f => Sorted(f.Value));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void The_plan_names_the_sources_of_a_stack_and_labels_the_size_by_experts()
    {
        using var folder = Mixtral(ExpertForm.Mixtral);
        using var checkpoint = Checkpoint.Open(folder.Model);
        var plan = Planner.Plan(checkpoint, Ports.Request(folder.Model, "Q4_K_M"));
        var stack = plan.Tensors.Single(t => t.Name == "blk.1.ffn_down_exps.weight");
        Assert.Equal("model.layers.1.block_sparse_moe.experts.0.w2.weight and 7 more", stack.SourceName);
        Assert.True(plan.Outputs[0].Layout.Metadata.TryGetString("general.size_label", out var label));
        var one = plan.Tensors.Where(t => t.IsStack).Sum(t => t.ElementCount) / ExpertCheckpoint.Experts;
        Assert.Equal($"8x{ModelNaming.SizeOf(plan.ParameterCount - 7 * one)}", label);
    }

    [Fact]
    public void A_missing_expert_is_named()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        checkpoint.EditTensors(t => t.Remove(Second));
        checkpoint.Refused("MP1014", checkpoint.Weights, $"'{Second}'", "nearest name present");
    }

    [Fact]
    public void An_expert_beyond_their_number_has_no_place()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        checkpoint.EditConfig(c => c["num_local_experts"] = 7);
        checkpoint.EditTensors(t =>
        {
            foreach (var name in t.Names.Where(n => n.Contains("block_sparse_moe.gate.", StringComparison.Ordinal)).ToArray())
            {
                t.Change(name, e => e with { Shape = [7, e.Shape[1]], Bytes = e.Bytes[..^(int)(2 * e.Shape[1])] });
            }
        });
        checkpoint.Refused("MP1015", checkpoint.Weights, "experts.7.w");
    }

    [Fact]
    public void An_expert_of_another_shape_is_named()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        checkpoint.EditTensors(t => t.Change(Second, e => e with { Shape = [e.Shape[1], e.Shape[0]] }));
        checkpoint.Refused("MP1016", checkpoint.Weights, $"'{Second}'");
    }

    [Fact]
    public void A_value_of_an_expert_that_is_not_finite_is_named_with_the_experts_own_tensor_and_element()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        checkpoint.EditTensors(t => t.Poke(Second, 4321, 0x7FC0));
        checkpoint.Refused("MP1017", checkpoint.Weights, $"'{Second}'", "holds NaN at element 4321");
    }

    [Fact]
    public void A_value_of_a_stack_that_is_not_finite_is_named_with_its_element_in_the_stack()
    {
        using var checkpoint = Mixtral(ExpertForm.Stacked);
        var element = 0L;
        checkpoint.EditTensors(t =>
        {
            var stack = t["model.layers.0.mlp.experts.gate_up_proj"];
            // In the second half, the rows of up, of the seventh expert.
            element = (6 * stack.Shape[1] + stack.Shape[1] / 2 + 3) * stack.Shape[2] + 5;
            t.Poke(stack.Name, (int)element, 0x7F80);
        });
        checkpoint.Refused("MP1017", checkpoint.Weights, "'model.layers.0.mlp.experts.gate_up_proj'", $"holds infinity at element {element}");
    }

    [Fact]
    public void Two_forms_of_the_same_experts_are_refused()
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        using var stacked = Mixtral(ExpertForm.Stacked);
        var stack = new TensorEdit(stacked.Weights)["model.layers.0.mlp.experts.down_proj"];
        checkpoint.EditTensors(t => t.Add(stack.Name, stack.Type, stack.Shape, stack.Bytes));
        checkpoint.Refused("MP1007", checkpoint.Weights, "down_proj");
    }

    [Theory]
    [InlineData("num_local_experts", 0)]
    [InlineData("num_local_experts", 513)]
    [InlineData("num_experts_per_tok", 9)]
    public void Absurd_numbers_of_experts_are_refused(string key, int value)
    {
        using var checkpoint = Mixtral(ExpertForm.Mixtral);
        checkpoint.EditConfig(c => c[key] = value);
        checkpoint.Refused("MP1013", checkpoint["config.json"], key);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(false)]
    public void Router_weights_that_are_not_scaled_to_one_are_refused(bool? value)
    {
        using var checkpoint = new DamagedCheckpoint("qwen3");
        checkpoint.GiveExperts(ExpertForm.Qwen);
        checkpoint.EditConfig(c => c["norm_topk_prob"] = JsonValue.Create(value));
        checkpoint.Refused("MP1013", checkpoint["config.json"], "norm_topk_prob");
    }

    private static DamagedCheckpoint Mixtral(ExpertForm form)
    {
        var checkpoint = new DamagedCheckpoint();
        checkpoint.GiveExperts(form);
        return checkpoint;
    }

    // The bytes of all tensors by name: shards change the order in which tensors are met.
    private static string Sorted(string path)
    {
        using var file = GgufShards.Open(path);
        return string.Join('\n', file.Tensors.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => $"{t.Name} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Bytes(file, t)))}"));
    }

    private static byte[] Bytes(GgufShards file, GgufTensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        return bytes;
    }
}
