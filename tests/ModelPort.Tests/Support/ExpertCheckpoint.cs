using System.Text.Json.Nodes;

namespace ModelPort.Tests.Support;

/// <summary>How a checkpoint stores its experts.</summary>
public enum ExpertForm
{
    /// <summary>One tensor for each expert, under Mixtral's names.</summary>
    Mixtral,

    /// <summary>One tensor for each expert, under Qwen's names.</summary>
    Qwen,

    /// <summary>All experts in one tensor.</summary>
    Stacked,
}

/// <summary>Mixtures of experts made of dense fixtures: each expert is the dense layer, its rows turned round by the expert's number or not.</summary>
internal static class ExpertCheckpoint
{
    public const int Experts = 8;

    /// <summary>Turns a copy of a dense checkpoint into one of experts.</summary>
    /// <param name="checkpoint">A copy of llama3-rope (for Mixtral) or qwen3 (for Qwen3Moe).</param>
    /// <param name="form">How the experts are stored.</param>
    /// <param name="distinct">Whether they differ; if not, the model computes what the dense one does, whatever the router says.</param>
    public static void GiveExperts(this DamagedCheckpoint checkpoint, ExpertForm form, bool distinct = true)
    {
        var isQwen = false;
        checkpoint.EditConfig(config =>
        {
            isQwen = (string?)config["architectures"]![0] == "Qwen3ForCausalLM";
            config["architectures"] = new JsonArray(isQwen ? "Qwen3MoeForCausalLM" : "MixtralForCausalLM");
            config[isQwen ? "num_experts" : "num_local_experts"] = Experts;
            config["num_experts_per_tok"] = 2;
            if (isQwen)
            {
                config["moe_intermediate_size"] = config["intermediate_size"]!.GetValue<int>();
                config["norm_topk_prob"] = true;
            }
        });
        checkpoint.EditTensors(tensors =>
        {
            foreach (var prefix in tensors.Names.Where(n => n.EndsWith("mlp.up_proj.weight", StringComparison.Ordinal)).Select(n => n[..^"mlp.up_proj.weight".Length]).ToArray())
            {
                var (gate, up, down) = (tensors[prefix + "mlp.gate_proj.weight"], tensors[prefix + "mlp.up_proj.weight"], tensors[prefix + "mlp.down_proj.weight"]);
                byte[] Of(TensorEdit.Entry dense, int expert) => distinct ? Turned(dense, expert) : dense.Bytes;
                var (feedForward, hidden) = (gate.Shape[0], gate.Shape[1]);
                tensors.Remove(gate.Name).Remove(up.Name).Remove(down.Name);
                // Any numbers route; those of the dense layer are at hand.
                tensors.Add(prefix + (isQwen || form == ExpertForm.Stacked ? "mlp.gate.weight" : "block_sparse_moe.gate.weight"), gate.Type, [Experts, hidden], gate.Bytes[..(int)(2 * Experts * hidden)]);
                if (form == ExpertForm.Stacked)
                {
                    tensors.Add(prefix + "mlp.experts.gate_up_proj", gate.Type, [Experts, 2 * feedForward, hidden], [.. Enumerable.Range(0, Experts).SelectMany(e => Of(gate, e).Concat(Of(up, e)))]);
                    tensors.Add(prefix + "mlp.experts.down_proj", down.Type, [Experts, hidden, feedForward], [.. Enumerable.Range(0, Experts).SelectMany(e => Of(down, e))]);
                    continue;
                }

                var (gateName, upName, downName) = form == ExpertForm.Mixtral ? ("w1", "w3", "w2") : ("gate_proj", "up_proj", "down_proj");
                var experts = prefix + (form == ExpertForm.Mixtral ? "block_sparse_moe.experts" : "mlp.experts");
                for (var e = 0; e < Experts; e++)
                {
                    tensors.Add($"{experts}.{e}.{gateName}.weight", gate.Type, gate.Shape, Of(gate, e));
                    tensors.Add($"{experts}.{e}.{upName}.weight", up.Type, up.Shape, Of(up, e));
                    tensors.Add($"{experts}.{e}.{downName}.weight", down.Type, down.Shape, Of(down, e));
                }
            }
        });
    }

    /// <summary>The bytes of a matrix with its rows turned round.</summary>
    public static byte[] Turned(TensorEdit.Entry dense, int rows)
    {
        var at = rows * (int)(dense.Bytes.Length / dense.Shape[0]);
        return [.. dense.Bytes[at..], .. dense.Bytes[..at]];
    }
}
