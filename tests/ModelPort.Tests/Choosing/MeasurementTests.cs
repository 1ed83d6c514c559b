using System.Collections.Immutable;
using System.Runtime.InteropServices;
using CsCheck;
using ModelPort.Architectures;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Choosing;

/// <summary>What types lose and what that does to a model, against the plainest computation of the same.</summary>
public sealed class MeasurementTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void An_error_is_what_ggmls_own_quantiser_and_decoder_lose()
    {
        using var folder = new TemporaryFolder();
        using var model = Model(folder, [("a", [512, 12]), ("b", [96, 5]), ("c", [40, 3]), ("zero", [256, 2])]);
        var measured = Measure(model, null);
        Assert.Equal([GgmlType.Q2_K, GgmlType.Q3_K, GgmlType.IQ4_XS, GgmlType.Q4_K, GgmlType.Q5_K, GgmlType.Q6_K, GgmlType.Q8_0, GgmlType.F16, GgmlType.F32], measured[0].Errors.Select(e => e.Type));
        Assert.Equal([GgmlType.IQ4_NL, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1, GgmlType.Q8_0, GgmlType.F16, GgmlType.F32], measured[1].Errors.Select(e => e.Type));
        Assert.Equal([GgmlType.F16, GgmlType.F32], measured[2].Errors.Select(e => e.Type));
        foreach (var tensor in measured)
        {
            var values = Floats(model, tensor.Tensor.Name);
            var square = values.Sum(x => (double)x * x);
            Assert.Equal(square / values.Length, tensor.MeanSquare, square * 1e-12);
            Assert.Equal(tensor.Tensor.RowCount, tensor.MeasuredRows);
            Assert.All(tensor.Errors, e => Assert.Equal(square == 0 ? 0 : Lost(e.Type, values, tensor.Tensor, []) / square, e.Error, 1e-12));
        }
    }

    [Fact]
    public void Importance_weighs_the_search_and_the_error_and_its_size_does_not_matter()
    {
        using var folder = new TemporaryFolder();
        using var model = Model(folder, [("a", [256, 6, 3])]);
        float[] Importance(int matrix, float size) => [.. Enumerable.Range(0, 256).Select(i => size * (matrix + 1) * (1 + (i * 7 % 11)))];
        IReadOnlyList<TypeError> Errors(float size) => Measure(
            model,
            (_, matrix, weights) =>
            {
                Importance(matrix, size).CopyTo(weights);
                return true;
            })[0].Errors;

        var errors = Errors(1);
        var values = Floats(model, "a");
        foreach (var error in errors.Where(e => e.Type is GgmlType.Q4_K or GgmlType.Q2_K))
        {
            var expected = 0.0;
            for (var matrix = 0; matrix < 3; matrix++)
            {
                var weights = Importance(matrix, 1);
                expected += Lost(error.Type, values[(matrix * 6 * 256)..((matrix + 1) * 6 * 256)], new TensorPlan("a", [256, 6], [], RowOrder.AsIs), weights) / weights.Average(w => (double)w);
            }

            Assert.Equal(expected / values.Sum(x => (double)x * x), error.Error, 1e-12);
        }

        Assert.All(Errors(0.25f).Zip(errors), pair => Assert.Equal(pair.Second.Error, pair.First.Error, pair.Second.Error * 1e-3));
    }

    [Theory]
    [InlineData(1, 1L << 16)]
    [InlineData(7, 1L << 30)]
    public void Errors_do_not_depend_on_threads_or_memory(int threads, long budget)
    {
        using var folder = new TemporaryFolder();
        using var model = Model(folder, [("a", [256, 300]), ("b", [32, 40, 5])]);
        Assert.Equal(
            Measure(model, null).SelectMany(t => t.Errors),
            Measure(model, null, r => r with { Threads = threads, MemoryBudget = budget }).SelectMany(t => t.Errors));
    }

    [Fact]
    public void Of_a_large_tensor_rows_at_even_distances_are_measured()
    {
        const int MostValues = 1 << 16;
        using var folder = new TemporaryFolder();
        using var model = Model(folder, [("large", [256, 1000]), ("stack", [512, 70, 4])]);
        var measured = Measure(model, null, mostValues: MostValues);
        Assert.Equal([MostValues / 256, MostValues / 512], measured.Select(t => t.MeasuredRows));
        // Values grow tenfold from the first row to the last: rows at even distances tell.
        var values = Floats(model, "large");
        var square = values.Sum(x => (double)x * x);
        Assert.Equal(square / values.Length, measured[0].MeanSquare, square / values.Length * 0.02);
        var error = measured[0].Errors.Single(e => e.Type == GgmlType.Q4_K).Error;
        Assert.Equal(Lost(GgmlType.Q4_K, values, measured[0].Tensor, []) / square, error, error * 0.02);
    }

    [Fact]
    public void A_matrix_of_signs_is_linear_and_has_orthogonal_rows_of_signs()
    {
        const int Columns = 24, Rows = 40;
        float[] Times(string name, float[] vector)
        {
            var result = new float[Rows];
            new SignMatrix(name, Rows).AddTo(result, vector, 1);
            return result;
        }

        var columns = Enumerable.Range(0, Columns).Select(c => Times("a", [.. Enumerable.Range(0, Columns).Select(i => i == c ? 1f : 0f)])).ToArray();
        Assert.All(columns.SelectMany(c => c), entry => Assert.Equal(1, Math.Abs(entry)));
        Assert.InRange(columns.SelectMany(c => c).Average(), -0.15, 0.15);
        Gen.Int[-9, 9].Array[Columns].Sample(x => Assert.Equal(
            Enumerable.Range(0, Rows).Select(r => (float)x.Select((value, c) => value * columns[c][r]).Sum()),
            Times("a", [.. x.Select(i => (float)i)])));
        // Columns of the whole matrix of 64 rows are orthogonal, and those of another name are others.
        Assert.NotEqual(columns[3], Times("b", [0, 0, 0, 1]));
        Assert.Equal(columns[3], Times("a", [0, 0, 0, 1]));
    }

    [Fact]
    public void A_disturbance_changes_results_as_much_as_weights_with_that_error_would()
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Fixture("llama3-rope"), "F32", folder.Path)["F32"];
        const string Weight = "blk.0.ffn_down.weight";
        const double Amount = 0.25;
        using var file = GgufShards.Open(path);
        var values = Floats(file, Weight);
        var meanSquare = values.Average(x => (double)x * x);
        var disturbance = new Disturbance(new Dictionary<string, double> { [Weight] = meanSquare }, Amount);
        var recorder = new Recorder(disturbance, Weight);
        using var model = LlamaModel.Load(LlamaRuntime.Load(), path);
        using var context = new LlamaContext(model, new LlamaContextOptions { Threads = 1, Products = recorder });
        using var batch = new LlamaBatch(64);
        for (var i = 0; i < 64; i++)
        {
            batch.Add(10 + (i * 37 % 500), i, 0, wantLogits: true);
        }

        context.Decode(batch, Token);
        Assert.Equal(64, recorder.Rows.Count);
        Assert.Equal([Weight], disturbance.Met);
        var rows = values.Length / recorder.Rows[0].Input.Length;
        var expected = recorder.Rows.Sum(r => Amount * meanSquare * rows * r.Input.Sum(x => (double)x * x));
        Assert.InRange(recorder.Rows.Sum(r => r.Change.Sum(x => (double)x * x)) / expected, 0.8, 1.25);
        Assert.False(disturbance.Wants("blk.1.ffn_down.weight"));
    }

    private static IReadOnlyList<MeasuredTensor> Measure(GgufShards model, ColumnWeights? weights, Func<PortRequest, PortRequest>? change = null, int mostValues = 1 << 20)
    {
        var request = Ports.Request(Repository.Sample, "Q8_0") with { Threads = 2 };
        return new ErrorMeasurement(model, change?.Invoke(request) ?? request, weights, new QuietObserver(), Token, mostValues)
            .Run([.. model.Tensors.Select(t => new TensorPlan(t.Name, t.Shape, [], RowOrder.AsIs))]);
    }

    private static double Lost(GgmlType type, float[] values, TensorPlan tensor, float[] importance)
    {
        var decoded = new float[values.Length];
        var bytes = new byte[GgmlTypes.RowBytes(type, values.Length)];
        switch (type)
        {
            case GgmlType.F32:
                return 0;
            case GgmlType.F16:
                decoded = [.. values.Select(x => (float)(Half)x)];
                break;
            default:
                GgmlQuantizer.Quantize((int)type, values, bytes, tensor.RowLength, importance);
                GgmlQuantizer.Dequantize((int)type, bytes, decoded);
                break;
        }

        return values.Select((x, i) => (importance.Length == 0 ? 1.0 : importance[i % importance.Length]) * ((double)(x - decoded[i]) * (x - decoded[i]))).Sum();
    }

    private static GgufShards Model(TemporaryFolder folder, (string Name, long[] Shape)[] tensors)
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", "llama");
        var layout = GgufLayout.Create(metadata, tensors.Select(t => (t.Name, GgmlType.F32, t.Shape.ToImmutableArray())));
        using (var file = File.Create(folder["model.gguf"]))
        {
            layout.WriteHeader(file);
            var random = new Random(1);
            foreach (var tensor in layout.Tensors)
            {
                var values = new float[tensor.ByteLength / sizeof(float)];
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = tensor.Name == "zero" ? 0 : (float)((random.NextDouble() + random.NextDouble() - 1) * (0.1 + ((double)i / values.Length)));
                }

                file.Position = layout.DataOffset + tensor.Offset;
                file.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            }

            file.SetLength(layout.FileLength);
        }

        return GgufShards.Open(folder["model.gguf"]);
    }

    private static float[] Floats(GgufShards file, string name) => MemoryMarshal.Cast<byte, float>(GgufFiles.Bytes(file, name)).ToArray();

    /// <summary>Keeps what went into a product, and what a disturbance added to what came out.</summary>
    private sealed class Recorder(Disturbance disturbance, string weight) : ILlamaProductObserver
    {
        public List<(float[] Input, float[] Change)> Rows { get; } = [];

        public bool Wants(string name) => name == weight;

        public void Observe(in LlamaProduct product)
        {
            var before = new List<float[]>();
            for (long i = 0; i < product.Rows; i++)
            {
                before.Add(product.Result(i).ToArray());
            }

            disturbance.Observe(product);
            for (long i = 0; i < product.Rows; i++)
            {
                var result = product.Result(i);
                Rows.Add((product.Row(i, out _).ToArray(), [.. before[(int)i].Select((x, j) => x).Zip(result.ToArray(), (x, y) => y - x)]));
            }
        }
    }
}
