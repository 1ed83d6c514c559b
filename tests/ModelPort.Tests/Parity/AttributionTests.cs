using System.Collections.Immutable;
using CsCheck;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Kernels;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>Which layer did it: what is always compared, and what is measured when it is asked for.</summary>
public sealed class AttributionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly QuietObserver _observer = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_header_differs_by_its_values_and_not_by_their_width_or_by_what_says_how_the_file_was_quantised()
    {
        var source = new GgufMetadata();
        source.Set("general.architecture", "llama");
        source.Set("general.name", "one");
        source.Set("general.file_type", 32u);
        source.Set("llama.block_count", 4u);
        source.Set("llama.rope.freq_base", 10000f);
        source.Set("tokenizer.ggml.tokens", ["a", "b", "c"]);
        source.Set("tokenizer.ggml.add_bos_token", true);
        var port = new GgufMetadata(source);
        port.Set("general.file_type", 7u);
        port.Set("quantize.imatrix.file", "x.gguf");
        port.Set("llama.block_count", 4UL);
        Assert.Equal([], HeaderComparison.Of(source, port));

        port.Set("general.name", "two");
        port.Set("llama.rope.freq_base", 10001f);
        port.Set("llama.rope.scaling.type", "yarn");
        port.Set("tokenizer.ggml.tokens", ["a", "x", "c"]);
        port.Remove("tokenizer.ggml.add_bos_token");
        Assert.Equal(
            [
                new("general.name", HeaderPart.Description, "'one'", "'two'"),
                new("llama.rope.freq_base", HeaderPart.Model, "10000", "10001"),
                new("tokenizer.ggml.tokens", HeaderPart.Tokenizer, "3 values, 'b' at 1", "3 values, 'x' at 1"),
                new("tokenizer.ggml.add_bos_token", HeaderPart.Tokenizer, "true", null),
                new("llama.rope.scaling.type", HeaderPart.Model, null, "'yarn'"),
            ],
            HeaderComparison.Of(source, port));
    }

    [Fact]
    public void Tensors_that_only_one_has_or_that_have_another_shape_or_an_unreadable_type_are_named()
    {
        using var source = Model("source", ("a", GgmlType.F32, [32]), ("b", GgmlType.F32, [32, 2]), ("c", GgmlType.F32, [32]), ("d", GgmlType.F32, [32]));
        using var port = Model("port", ("a", GgmlType.F32, [32]), ("b", GgmlType.F32, [64]), ("d", GgmlType.F64, [32]), ("e", GgmlType.F32, [32]));
        var (errors, changed) = new WeightComparison(source, port, Request(), TestContext.Current.CancellationToken).Run();
        Assert.Equal(["b", "c", "d", "e"], errors.Missing);
        Assert.Equal((1, 0, 0), (errors.Matrices, errors.UnexplainedCount, changed.Count));
    }

    [Theory]
    [InlineData(BlockType.Q8_0)]
    [InlineData(BlockType.Q6_K)]
    [InlineData(BlockType.Q5_K)]
    [InlineData(BlockType.Q5_1)]
    [InlineData(BlockType.Q4_K)]
    [InlineData(BlockType.Q4_0)]
    [InlineData(BlockType.IQ4_XS)]
    [InlineData(BlockType.Q3_K)]
    [InlineData(BlockType.Q2_K)]
    public void No_matrix_that_is_quantised_as_it_should_be_has_an_unexplained_error(BlockType type) =>
        // Bell curves of all sizes, a few values of each far outside.
        Gen.Select(Gen.Double[-7, 0], Gen.Double[0, 4], Gen.Int[1, 200], Gen.Int[0, 1 << 30]).Sample((size, outside, every, seed) =>
        {
            var random = new Random(seed);
            var values = new float[2048];
            for (var i = 0; i < values.Length; i++)
            {
                var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                values[i] = (float)(normal * Math.Pow(10, size) * (i % every == 0 ? Math.Pow(10, outside) : 1));
            }

            var blocks = new byte[GgmlTypes.RowBytes((GgmlType)type, values.Length)];
            BlockQuantizer.Quantize(type, values, blocks, values.Length);
            var decoded = new float[values.Length];
            TensorDecoder.Decode((GgmlType)type, blocks, decoded);
            var square = SquaredError.Sum(values, new float[values.Length]);
            return SquaredError.Sum(values, decoded) / square <= WeightComparison.Explained((GgmlType)type, square / values.Length);
        });

    [Fact]
    public void The_tensor_that_was_broken_costs_most_and_the_line_says_so()
    {
        var outcome = Measured((file, t) => t.Name == "blk.1.ffn_up.weight" ? new byte[t.ByteLength] : GgufFiles.Bytes(file, t.Name), _ => { });
        var costs = outcome.Port.Attribution!.Costs!;
        Assert.Equal(["blk.1.ffn_up.weight"], costs.Tensors[0].Tensors);
        Assert.InRange(costs.Tensors[0].Share, 0.9, 1.1);
        Assert.InRange(costs.Tensors[1].Share, 0, 0.1);
        Assert.Equal(costs.Tensors.OrderByDescending(t => t.Divergence), costs.Tensors);
        Assert.Equal(20, costs.Tensors.Count + Math.Max(0, 20 - costs.Groups));
        Assert.Matches(@"^attribution: blk\.1\.ffn_up\.weight costs \d+ % of the divergence \(0\.\d+ of 0\.\d+ nats\)$", AttributionText.Line(outcome.Port.Attribution));
        Assert.Equal(0, Step(costs, Layer.Header).Divergence);
        Assert.InRange(Step(costs, Layer.Weights).Divergence!.Value / costs.Divergence, 0.9, 1.1);
        Assert.Equal("there are no ReferenceOutputs", Step(costs, Layer.Runtime).NotMeasured);
        Assert.Equal(("BF16", "Q8_0"), (Step(costs, Layer.Precision).From, Step(costs, Layer.Precision).To));

        // The copy of the source is gone.
        Assert.Equal(["port-Q8_0.gguf", "spoilt.gguf"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_header_that_was_broken_costs_most_and_the_line_says_so()
    {
        var outcome = Measured((file, t) => GgufFiles.Bytes(file, t.Name), m => m.Set("llama.rope.freq_base", 100f));
        var costs = outcome.Port.Attribution!.Costs!;
        Assert.InRange(Step(costs, Layer.Header).Divergence!.Value / costs.Divergence, 0.9, 1.1);
        Assert.InRange(Step(costs, Layer.Weights).Divergence!.Value / costs.Divergence, 0, 0.1);
        Assert.StartsWith("attribution: the header (llama.rope.freq_base is 100 instead of 500000) costs ", AttributionText.Line(outcome.Port.Attribution), StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_are_measured_once_and_only_when_they_are_asked_for()
    {
        var request = Request().With(c => c with
        {
            Precisions = Precision.ParseList("Q8_0;Q4_0", ""),
            ReferenceOutputs = Path.Combine(Repository.Fixture("llama3-rope"), "reference", "logits.safetensors"),
        }) with
        {
            Budgets = [new Budget(BudgetKind.MaxMeanDivergence, 0)],
            Parity = ParityMode.Error,
        };
        var first = Port(request);
        Assert.All(first.Manifest.Outputs, o => Assert.Null(o.Attribution!.Costs));
        Assert.All(first.Manifest.Outputs, o => Assert.Null(AttributionText.Line(o.Attribution)));
        Assert.All(first.Missed, m => Assert.Contains("Every weight is as near as its type allows. ModelPortAttribute=true (--attribute) measures", m.Message, StringComparison.Ordinal));

        var second = Port(request with { Attribute = true });
        Assert.True(second.Measured);
        Assert.False(Port(request with { Attribute = true }).Measured);
        Assert.False(Port(request).Measured);
        Assert.All(second.Missed, m => Assert.Matches("The layer: .+ costs [0-9]+ % of the divergence", m.Message));
        var (large, small) = (second.Manifest.Outputs[0].Attribution!.Costs!, second.Manifest.Outputs[1].Attribution!.Costs!);
        Assert.InRange(Step(large, Layer.Runtime).Divergence!.Value, 0, 0.01);
        Assert.Equal([("BF16", "Q4_0"), ("Q8_0", "Q4_0")], small.Steps.Where(s => s.Layer == Layer.Precision).Select(s => (s.From, s.To)));
        Assert.Equal(
            Step(small, Layer.Precision).Divergence!.Value - Step(large, Layer.Precision).Divergence!.Value,
            small.Steps.Last(s => s.Layer == Layer.Precision).Divergence!.Value,
            12);

        // Small errors add up: the tensors together cost what all of them do at once.
        Assert.InRange(small.Tensors.Sum(t => t.Divergence) / Step(small, Layer.Weights).Divergence!.Value, 0.7, 1.4);
    }

    [Fact]
    public void A_tensor_that_is_put_into_the_copy_and_restored_leaves_it_as_it_was()
    {
        var files = Ports.Make(Repository.Checkpoint("llama3-rope"), "BF16;Q8_0", _folder.Path);
        using var source = GgufShards.Open(files["BF16"]);
        using var port = GgufShards.Open(files["Q8_0"]);
        using var copy = new ScratchModel(source, source.Metadata, _folder["copy"], TestContext.Current.CancellationToken);
        var before = File.ReadAllBytes(copy.Path);
        copy.Put(port, port.Tensors.First(t => t.Name == "blk.0.attn_q.weight"));
        Assert.NotEqual(before, File.ReadAllBytes(copy.Path));
        copy.Restore("blk.0.attn_q.weight");
        Assert.Equal(before, File.ReadAllBytes(copy.Path));
    }

    private GgufShards Model(string name, params (string Name, GgmlType Type, ImmutableArray<long> Shape)[] tensors)
    {
        var layout = GgufLayout.Create(new GgufMetadata(), tensors);
        using (var file = File.Create(_folder[name]))
        {
            layout.WriteHeader(file);
            file.SetLength(layout.FileLength);
        }

        return GgufShards.Open(_folder[name]);
    }

    private static LayerStep Step(LayerCosts costs, Layer layer) => costs.Steps.First(s => s.Layer == layer);

    private ValidationOutcome Measured(Func<GgufShards, GgufTensor, byte[]> data, Action<GgufMetadata> header)
    {
        var port = Ports.Make(Repository.Checkpoint("llama3-rope"), "Q8_0", _folder.Path, r => r with { Name = "port" })["Q8_0"];
        return PortValidation.Run(GgufEdit.Copy(port, _folder["spoilt.gguf"], header, data), Request() with { Attribute = true }, _observer, TestContext.Current.CancellationToken);
    }

    private PortRequest Request() => new()
    {
        Source = Repository.Checkpoint("llama3-rope"),
        Name = "port",
        OutputDirectory = _folder.Path,
        Checkpoint = new CheckpointOptions { Precisions = Precision.ParseList("Q8_0", ""), EvaluationTokens = 512, EvaluationWindow = 128, Continuations = 0 },
        Threads = 1,
    };

    private PortOutcome Port(PortRequest request) => PortPipeline.Run(request, _observer, TestContext.Current.CancellationToken);
}
