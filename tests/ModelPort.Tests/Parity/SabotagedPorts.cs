using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>A way to break a port.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Model">The fixture whose Q8_0 port is broken.</param>
/// <param name="Header">What is done to the header.</param>
/// <param name="Data">What is done to the tensors.</param>
/// <param name="Gate">The default gate that has to fail: a budget's name, or the code of a check of behaviour.</param>
/// <param name="Layer">What the report has to name.</param>
internal sealed record Sabotage(string Name, string Model, Action<GgufMetadata>? Header, Func<GgufShards, GgufTensor, byte[]>? Data, string Gate, params string[] Layer)
{
    private const int HeadLength = 32;

    private const string Llama = "wordnet-llama-v1";

    /// <summary>The ten.</summary>
    public static ImmutableArray<Sabotage> All { get; } =
    [
        Tensors("one tensor zeroed", Llama, "MaxMeanDivergence", ["blk.2.ffn_down.weight,"], (file, t) => t.Name == "blk.2.ffn_down.weight" ? new byte[t.ByteLength] : Bytes(file, t.Name)),
        Tensors("two layers swapped", Llama, "MaxMeanDivergence", ["in blk.1, blk.2,"], (file, t) => Bytes(file, TensorNames.BlockOf(t.Name) switch
        {
            1 => t.Name.Replace("blk.1.", "blk.2.", StringComparison.Ordinal),
            2 => t.Name.Replace("blk.2.", "blk.1.", StringComparison.Ordinal),
            _ => t.Name,
        })),
        Tensors("1 added to norm weights", Llama, "MaxMeanDivergence", ["blk.0.attn_norm.weight,"], (file, t) => t.Name == "blk.0.attn_norm.weight" ? PlusOne(Bytes(file, t.Name)) : Bytes(file, t.Name)),
        Keys("wrong rope base", "MaxMeanDivergence", ["llama.rope.freq_base is 500000 instead of 10000"], m => m.Set("llama.rope.freq_base", 500000f)),
        Tensors("q and k not permuted", Llama, "MaxMeanDivergence", [".attn_q.weight", " and 5 more, in blk.0, blk.1, blk.2, blk.3"], (file, t) =>
            t.Name.EndsWith("attn_q.weight", StringComparison.Ordinal) || t.Name.EndsWith("attn_k.weight", StringComparison.Ordinal)
                ? Rows(file, t, row => row / HeadLength * HeadLength + row % HeadLength % (HeadLength / 2) * 2 + row % HeadLength / (HeadLength / 2))
                : Bytes(file, t.Name)),
        Keys("wrong pre-tokenizer", "MinTokenizerAgreement", ["tokenizer.ggml.pre is 'gpt-2' instead of 'llama-bpe'"], m => m.Set("tokenizer.ggml.pre", "gpt-2")),
        Keys("missing BOS", "MP3022", ["tokenizer.ggml.add_bos_token is false instead of true"], m => m.Set("tokenizer.ggml.add_bos_token", false)),
        Keys("wrong EOS", "MP3023", ["tokenizer.ggml.eos_token_id is 2046 instead of 2044"], m => m.Set("tokenizer.ggml.eos_token_id", 2046u)),
        Tensors("embedding rows shifted by one", Llama, "MaxMeanDivergence", ["token_embd.weight,"], (file, t) => t.Name == "token_embd.weight" ? Rows(file, t, row => (row + 1) % t.Shape[1]) : Bytes(file, t.Name)),
        Tensors("one expert dropped", "mixtral-moe", "MP3026", ["blk.1.ffn_gate_exps.weight (expert 2)", "blk.1.ffn_down_exps.weight (expert 2)", "blk.1.ffn_up_exps.weight (expert 2)"], (file, t) =>
        {
            var bytes = Bytes(file, t.Name);
            if (t.Name.StartsWith("blk.1.", StringComparison.Ordinal) && t.Shape.Length == 3)
            {
                var one = bytes.Length / (int)t.Shape[2];
                bytes.AsSpan(2 * one, one).Clear();
            }

            return bytes;
        }),
    ];

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static Sabotage Tensors(string name, string model, string gate, string[] layer, Func<GgufShards, GgufTensor, byte[]> data) => new(name, model, null, data, gate, layer);

    private static Sabotage Keys(string name, string gate, string[] layer, Action<GgufMetadata> header) => new(name, Llama, header, null, gate, layer);

    private static byte[] Bytes(GgufShards file, string name) => GgufFiles.Bytes(file, name);

    private static byte[] PlusOne(byte[] bytes)
    {
        var values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
        TensorPrimitives.Add(values, 1f, values);
        return bytes;
    }

    private static byte[] Rows(GgufShards file, GgufTensor tensor, Func<long, long> from)
    {
        var bytes = Bytes(file, tensor.Name);
        var length = (int)GgmlTypes.RowBytes(tensor.Type, tensor.Shape[0]);
        return [.. Enumerable.Range(0, (int)tensor.Shape[1]).SelectMany(row => bytes.AsSpan((int)from(row) * length, length).ToArray())];
    }
}

/// <summary>The ten sabotaged ports, measured once for all tests: the source of each fixture is evaluated once.</summary>
public sealed class SabotagedPorts : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SabotagedPorts()
    {
        var outcomes = new Dictionary<string, ValidationOutcome>(StringComparer.Ordinal);
        foreach (var model in Sabotage.All.GroupBy(s => s.Model))
        {
            var honest = Ports.Make(Repository.Checkpoint(model.Key), "Q8_0", _folder.Path)["Q8_0"];
            string[] paths = [honest, .. model.Select((s, i) => GgufEdit.Copy(honest, _folder[$"{model.Key}-{i}.gguf"], s.Header ?? (_ => { }), s.Data ?? ((f, t) => GgufFiles.Bytes(f, t.Name))))];
            var found = PortValidation.Run(paths, Request(model.Key), new QuietObserver(), TestContext.Current.CancellationToken);
            Honest.Add(model.Key, found[0]);
            foreach (var (sabotage, outcome) in model.Zip(found.Skip(1)))
            {
                outcomes.Add(sabotage.Name, outcome);
            }
        }

        Outcomes = outcomes;
    }

    /// <summary>What came of each sabotage.</summary>
    public IReadOnlyDictionary<string, ValidationOutcome> Outcomes { get; }

    /// <summary>What came of the ports as they were made.</summary>
    public Dictionary<string, ValidationOutcome> Honest { get; } = [];

    public void Dispose() => _folder.Dispose();

    internal PortRequest Request(string model) => new()
    {
        Source = Repository.Checkpoint(model),
        Name = model,
        OutputDirectory = _folder.Path,
        Checkpoint = new CheckpointOptions { Precisions = Precision.ParseList("Q8_0", ""), EvaluationTokens = 1024, EvaluationWindow = 256, Continuations = 0 },
        Threads = 1,
    };
}
