using System.Globalization;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>
/// Refuses headers on which llama.cpp v0.5.0 ends the process instead of returning an error. The conditions are its assertions in
/// load_hparams (llama-model.cpp), llama-vocab.cpp and the norm operators. What it refuses by itself is left to it.
/// </summary>
internal static class HeaderGuard
{
    private const int MaxLayers = 512;
    private const int MaxExperts = 512;

    private static readonly string[] RopeScalings = ["none", "linear", "yarn", "longrope"];

    /// <exception cref="EngineException">The header would end the process.</exception>
    public static void Check(GgufHeader header, string path)
    {
        if (header.Text("general.architecture") is not { } architecture)
        {
            return;
        }

        Require("block_count", blocks => blocks is >= 1 and <= MaxLayers, $"1 to {MaxLayers} blocks");
        Require("attention.layer_norm_rms_epsilon", epsilon => epsilon >= 0, "a number of 0 or more");
        Require("attention.layer_norm_epsilon", epsilon => epsilon >= 0, "a number of 0 or more");
        CheckExperts();
        var scalingKey = $"{architecture}.rope.scaling.type";
        if (header.Text(scalingKey) is { } scaling && !RopeScalings.Contains(scaling))
        {
            throw Refuse(path, $"{scalingKey} is '{scaling}'", $"one of {string.Join(", ", RopeScalings)}");
        }

        if (header.Repeated("tokenizer.ggml.tokens") is { } token)
        {
            throw Refuse(path, $"tokenizer.ggml.tokens holds '{token}' twice", "every token once");
        }

        void Require(string key, Func<double, bool> holds, string expected)
        {
            key = $"{architecture}.{key}";
            if (header.Number(key) is { } value && !holds(value))
            {
                throw Refuse(path, string.Create(CultureInfo.InvariantCulture, $"{key} is {value}"), expected);
            }
        }

        void CheckExperts()
        {
            var count = header.Number($"{architecture}.expert_count") ?? 0;
            var groups = header.Number($"{architecture}.expert_group_count") ?? 0;
            Require("expert_count", experts => experts <= MaxExperts, $"at most {MaxExperts} experts");
            Require(
                "expert_used_count", used => count > 0 ? used >= 1 && used <= count : used == 0,
                $"1 to {count} (expert_count), or 0 without experts");
            Require("expert_group_count", found => found == 0 || found < count, $"fewer groups than the {count} experts");
            Require("expert_group_count", found => found <= 1 || count % found == 0, $"a divisor of the {count} experts");
            if (groups > 1)
            {
                Require("expert_group_used_count", used => used >= 1 && used < groups, $"1 to {groups - 1}");
            }
        }
    }

    private static EngineException Refuse(string path, string found, string expected) =>
        new(EngineFault.ModelRefused, path, found, expected, "llama.cpp would end the process on this file.");
}
