using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Onnx.Data;
using ModelPort.Parity.Serving;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Times at several batch sizes: what is given to the model, and which models take them.</summary>
public sealed class BatchSizeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Batches_are_samples_in_their_order_and_begin_again_after_the_last()
    {
        Model("open", OnnxGraphs.Floats(-1, 2));
        using var data = SampleSet.Open(Data(5), Signature("open"), []);
        Assert.True(data.Takes(3));
        Assert.Equal(["0 1 2", "3 4 0", "1 2 3"], data.Batches(3, 3).Select(Samples));
        Assert.Equal(["0 1 2 3 4 0 1 2 3 4 0 1"], data.Batches(12, 1).Select(Samples));
        Assert.Equal(["0", "1"], data.Batches(1, 2).Select(Samples));
    }

    [Fact]
    public void A_batch_of_a_transformer_with_two_inputs_gives_what_its_samples_give_one_by_one()
    {
        var folder = Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "gloss-encoder");
        using var source = OnnxSource.Open(Path.Combine(folder, "model.onnx"));
        using var data = SampleSet.Open(Path.Combine(folder, "eval.safetensors"), source.Signature, []);
        using var session = OnnxSession.Open(source.Model.Path, new OnnxSessionOptions { Threads = 1 });
        float[] Outputs(IEnumerable<SampleRun> runs) => [.. runs.SelectMany(r => ((EngineTensor)session.Run(r.Inputs).Values.First()).As<float>().ToArray())];
        Assert.Equal(2, source.Signature.Inputs.Length);
        var (single, batches) = (Outputs(data.Batches(1, 16)), Outputs(data.Batches(8, 2)));
        Assert.InRange(OnnxGraphs.Relative(single, batches), 0, 1e-5);
        Assert.True(OnnxGraphs.Relative(single[..(single.Length / 2)], single[(single.Length / 2)..]) > 0.1, "samples differ");
    }

    [Theory]
    [InlineData("-1,2", "", "1;8;32", null)]
    [InlineData("4,2", "", "4", null)]
    [InlineData("4,2", "", "1;4", "BatchSizes has 1, but a run of the model takes 4 samples")]
    [InlineData("2", "", "1", null)]
    [InlineData("2", "", "1;8", "BatchSizes has 8, but a run of the model takes 1 sample")]
    [InlineData("-1,2", "y=x", "1", "StatePairs carry the state of one sequence")]
    public void Sizes_that_a_model_does_not_take_are_refused_before_anything_is_done(string shape, string state, string sizes, string? expected)
    {
        Model("m", OnnxGraphs.Floats([.. shape.Split(',').Select(long.Parse)]));
        var request = Request("m", ("BatchSizes", sizes), ("StatePairs", state));
        if (expected is null)
        {
            using var input = OnnxInput.Open(request);
            Assert.Equal(sizes, string.Join(';', input.ServedSizes));
            Assert.True(request.MeasuresServing);
            return;
        }

        var error = Assert.Throws<ModelPortException>(() => OnnxInput.Open(request)).Diagnostic;
        Assert.Equal(("MP1094", "app.csproj"), (error.Code, error.File));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1;-8")]
    [InlineData("8x")]
    [InlineData("100000")]
    public void Sizes_that_are_none_are_refused(string sizes)
    {
        Model("m", OnnxGraphs.Floats(-1, 2));
        var error = Assert.Throws<ModelPortException>(() => Request("m", ("BatchSizes", sizes))).Diagnostic;
        Assert.Equal("MP1020", error.Code);
        Assert.Contains("BatchSizes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_has_no_batch_sizes() =>
        Assert.Equal("MP1088", Assert.Throws<ModelPortException>(() => PortRequest.Parse(Repository.Sample, "out", new Dictionary<string, string> { ["BatchSizes"] = "8" }, new Dictionary<string, string>(), "")).Diagnostic.Code);

    [Fact]
    public void A_model_is_loaded_run_at_each_size_and_weighed_on_call()
    {
        Model("m", OnnxGraphs.Floats(-1, 2));
        var replies = Answers("m", [1, 6], "Load", "Run 1 4", "Run 6 3", "Load", "Run 6 2", "Memory");
        Assert.All(replies, r => Assert.Null(r["Error"]));
        Assert.Equal([4, 3, 2], new[] { replies[2], replies[3], replies[5] }.Select(r => r["Times"]!.AsArray().Count));
        Assert.All(new[] { replies[2], replies[3], replies[5] }.SelectMany(r => r["Times"]!.AsArray()), t => Assert.True(t!.GetValue<double>() > 0));
        Assert.True(replies[6]["PeakBytes"]!.GetValue<long>() >= 0);
    }

    [Fact]
    public void A_model_that_is_open_at_its_edge_alone_is_named_with_the_size()
    {
        using (var model = OnnxGraphs.Of(OnnxGraphs.Floats(-1, 2), OnnxGraphs.Floats(-1, 2), [OnnxGraphs.Node("Reshape", "x,shape", "y")], [OnnxGraphs.Integers("shape", 1, 2)]))
        {
            model.Save(_folder["narrow.onnx"]);
        }

        var replies = Answers("narrow", [1, 8], "Load", "Run 1 1", "Run 8 1");
        Assert.Null(replies[2]["Error"]);
        Assert.Equal("MP3042", replies[3]["Error"]!["Code"]!.GetValue<string>());
        Assert.Contains("does not run on 8 samples at once", replies[3]["Error"]!["Message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    private static string Samples(SampleRun run)
    {
        var tensor = (EngineTensor)run.Inputs["x"];
        Assert.Equal([run.Count, 2], tensor.Shape.ToArray());
        return string.Join(' ', MemoryMarshal.Cast<byte, float>(tensor.Bytes.Span).ToArray().Where((_, i) => i % 2 == 0));
    }

    private void Model(string name, TypeProto type)
    {
        using var model = OnnxGraphs.Of(type, type.Clone(), [OnnxGraphs.Node("Relu", "x", "y")], []);
        model.Save(_folder[name + ".onnx"]);
    }

    // Sample n is [n, -n].
    private string Data(int count) => DataFiles.Write(_folder["data.safetensors"], [("x", Enumerable.Range(0, count).SelectMany(n => new float[] { n, -n }).ToArray(), [count, 2])]);

    private OnnxSignature Signature(string name)
    {
        using var source = OnnxSource.Open(_folder[name + ".onnx"]);
        return source.Signature;
    }

    private PortRequest Request(string name, params (string Name, string Value)[] options) => PortRequest.Parse(
        _folder[name + ".onnx"], _folder["out"], options.Append(("Evaluation", Data(5))).ToDictionary(o => o.Item1, o => o.Item2), new Dictionary<string, string> { ["CacheDirectory"] = "none" }, "app.csproj");

    // A call is an action, and for runs the size and how many.
    private JsonNode[] Answers(string name, int[] sizes, params string[] calls)
    {
        var start = JsonSerializer.Serialize(new ServingCall(ServingAction.Start, Samples: new SampleServingRequest(_folder[name + ".onnx"], 1, Data(5), Signature(name), [], sizes)));
        var lines = calls.Select(c => c.Split(' ')).Select(c => JsonSerializer.Serialize(new { Action = c[0], Size = c.Length > 1 ? Whole(c[1]) : 0, Count = c.Length > 1 ? Whole(c[2]) : 0 }));
        var output = new StringWriter();
        ServingHost.Run(new StringReader(string.Join('\n', lines.Prepend(start))), output);
        return [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    private static int Whole(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
