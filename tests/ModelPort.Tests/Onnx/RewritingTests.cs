using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Onnx.Rewriting;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Graphs that ONNX Runtime rewrites: kept as ports, and counted.</summary>
public sealed class RewritingTests(DigitsPorts ports) : IClassFixture<DigitsPorts>
{
    private static readonly (string, string) Extended = ("Optimize", "extended");

    [Fact]
    public void A_port_is_saved_as_the_runtime_rewrites_it_and_is_a_port_like_any_other()
    {
        var folder = ports.Beside("extended");
        var outcome = ports.Run(folder, "FP32;FP16;INT8;INT8-Dynamic", Extended);
        Assert.Empty(outcome.Missed);
        Assert.Equal(["kernels", "precision"], outcome.Manifest.Layers);
        using var source = DigitsModel.Open();
        foreach (var port in outcome.Manifest.Outputs)
        {
            using var model = OnnxModel.Open(Path.Combine(folder, port.FileName));
            string[] domains = [.. model.Bodies().SelectMany(b => b.Nodes).Select(n => Domains.Normal(n.Domain)).Distinct()];
            Assert.All(domains, d => Assert.Contains(d, new[] { Domains.Standard, Domains.Microsoft }));
            Assert.Equal(domains.Append(Domains.Standard).Distinct().Order(StringComparer.Ordinal), model.Proto.OpsetImport.Select(i => Domains.Normal(i.Domain)).Order(StringComparer.Ordinal));
            Assert.Equal(source.Proto.Graph.Input.Concat(source.Proto.Graph.Output), model.Proto.Graph.Input.Concat(model.Proto.Graph.Output));
            Assert.Equal((source.Proto.ProducerName, source.Proto.IrVersion), (model.Proto.ProducerName, model.Proto.IrVersion));
            Assert.Equal("extended", port.Kernels!.Optimized);
            Assert.Equal(port.Kernels.Port, ModelCensus.Of(model).NodesByOperator);
            Assert.True(port.Bytes < 1.1 * ports.Outcome.Manifest.Outputs.Single(o => o.Precision == port.Precision).Bytes, $"{port.Precision}: {port.Bytes} bytes");
        }

        Assert.Equal(3, outcome.Manifest.Outputs[0].Kernels!.Port["com.microsoft.FusedConv"]);
        Assert.Equal(3, outcome.Manifest.Outputs[2].Kernels!.Port["QLinearConv"]);
        Assert.Equal([".modelport.lock", .. outcome.Manifest.Outputs.Select(o => o.FileName).Order(StringComparer.Ordinal), "modelport.json", "parity.html", "parity.json"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        // Nothing is taken from a cache here, and other threads work.
        var again = PortPipeline.Run(
            ports.Request(ports.Beside("extended again"), "FP32;FP16;INT8;INT8-Dynamic", Extended) with { CacheDirectory = null, Threads = 2 }, new QuietObserver(), TestContext.Current.CancellationToken);
        Assert.Equal(outcome.Manifest.Outputs.Select(o => o.Sha256), again.Manifest.Outputs.Select(o => o.Sha256));
    }

    [Fact]
    public void Basic_fuses_nothing_and_the_level_is_part_of_what_a_port_is()
    {
        var folder = ports.Beside("basic");
        var basic = ports.Run(folder, "INT8", ("Optimize", "basic"));
        var kernels = basic.Manifest.Outputs[0].Kernels!;
        Assert.Equal(("basic", 3, 0), (kernels.Optimized, kernels.Port["Conv"], kernels.Port.Count(o => o.Key.Contains('.', StringComparison.Ordinal))));
        Assert.Contains(
            "Optimize changed: basic -> extended",
            Assert.Single(PortPipeline.WhyPortedAgain(ports.Request(folder, "INT8", Extended), new QuietObserver(), TestContext.Current.CancellationToken)!), StringComparison.Ordinal);
        Assert.Equal(ports.Outcome.Manifest.Outputs.Single(o => o.Precision == "INT8").Sha256, ports.Run(folder, "INT8", ("Optimize", "none")).Manifest.Outputs[0].Sha256);
    }

    [Fact]
    public void Weights_of_a_rewritten_port_are_cut_into_files_as_of_any_other()
    {
        var folder = ports.Beside("cut");
        var whole = ports.Run(folder, "FP32", Extended, ("SplitMaxSize", "80KB")).Manifest.Outputs[0];
        Assert.Equal(4, whole.Files.Count);
        Assert.Equal(Verdict.Kept, whole.Verdict);
        Assert.DoesNotContain(Directory.GetFiles(folder), f => f.EndsWith("-tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void The_nodes_to_blame_are_found_behind_a_rewritten_graph()
    {
        var outcome = ports.Run(ports.Beside("blamed"), "INT8", Extended, ("CalibrationMethod", "Percentile"), ("CalibrationPercentile", "60"), ("MaxAccuracyDrop", "100"));
        Assert.Contains("Conv", outcome.Missed.Single(m => m.Message.Contains("MinCosineSimilarity", StringComparison.Ordinal)).Message, StringComparison.Ordinal);
        Assert.Contains(outcome.Manifest.Outputs[0].Graph!.Layers, l => l.Node == "/3/Conv");
    }

    [Fact]
    public void A_manifest_counts_the_operators_of_files_and_those_that_run()
    {
        var of = ports.Outcome.Manifest.Outputs.ToDictionary(o => o.Precision, o => o.Kernels!);
        Assert.All(of.Values, k => Assert.Equal((null, 3, 2, null), (k.Optimized, k.Source["Conv"], k.Source["Gemm"], k.NotKnown)));
        Assert.All(of.Values, k => Assert.Equal(3, k.SourceRuns!["com.microsoft.FusedConv"]));
        Assert.All(ports.Outcome.Manifest.Outputs, o =>
        {
            using var model = OnnxModel.Open(Path.Combine(ports.Folder, o.FileName));
            Assert.Equal(model.Weights().CountBy(w => DataTypes.Name(w.Type)).OrderBy(t => t.Key), o.TensorTypes.OrderBy(t => t.Key));
        });
        Assert.Equal((3, 7), (of["INT8"].Port["Conv"], of["INT8"].Port["QuantizeLinear"]));
        Assert.Equal((3, 2, false), (of["INT8"].PortRuns!["QLinearConv"], of["INT8"].PortRuns!["com.microsoft.QGemm"], of["INT8"].PortRuns!.ContainsKey("Conv")));
        Assert.Equal(2, of["INT8-Dynamic"].PortRuns!["com.microsoft.DynamicQuantizeMatMul"]);
        Assert.Empty(of["FP32"].Unfused);
        Assert.Equal("conversions between floats and integers", Assert.Single(of["INT8"].Unfused).What);
        Assert.Equal("products of integers that nodes of their own convert and scale, as no fused kernel takes them: 3 ('/0/Conv', '/3/Conv', '/6/Conv')", Assert.Single(of["INT8-Dynamic"].Unfused).ToString());
        Assert.Equal((2, 1), (of["FP16"].Port["Cast"], of["FP16"].PortRuns!["Cast"]));
        var page = File.ReadAllText(ports.Outcome.ReportPath!);
        Assert.Contains("Which operators run", page, StringComparison.Ordinal);
        Assert.Contains("QLinearConv", page, StringComparison.Ordinal);
        var other = ports.Run(ports.Beside("arm"), "INT8", ("HardwareTarget", "arm64")).Manifest.Outputs[0].Kernels!;
        Assert.Null(other.PortRuns);
        Assert.Contains("arm64", other.NotKnown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FP32", "MatMul")]
    [InlineData("INT8-Dynamic", "com.microsoft.DynamicQuantizeMatMul")]
    [InlineData("INT4", "com.microsoft.MatMulNBits")]
    public void Branches_with_weights_are_rewritten_and_counted(string precision, string kernel)
    {
        static GraphProto Branch(string name, int seed)
        {
            var branch = OnnxGraphs.Graph([OnnxGraphs.Node("MatMul", $"x,{name}w", name + "m"), OnnxGraphs.Node("Relu", name + "m", name)], [OnnxGraphs.RandomWeight(seed, name + "w", 64, 320)]);
            branch.Output.Add(new ValueInfoProto { Name = name, Type = OnnxGraphs.Floats(1, 320) });
            return branch;
        }

        using var folder = new TemporaryFolder();
        using (var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 64),
            OnnxGraphs.Floats(1, 320),
            [
                OnnxGraphs.Node("ReduceSum", "x", "sum", ("keepdims", 0L)),
                OnnxGraphs.Node("Greater", "sum,zero", "c"),
                OnnxGraphs.Node("If", "c", "y", ("then_branch", Branch("p", 1)), ("else_branch", Branch("n", 2))),
            ],
            [OnnxGraphs.Weight("zero", [], 0f)]))
        {
            model.Save(folder["m.onnx"]);
        }

        var request = ports.Request(folder["out"], precision, Extended) with
        {
            Source = folder["m.onnx"],
            Name = "m",
            Calibration = null,
            Evaluation = DataFiles.Write(folder["data.safetensors"], ("x", OnnxGraphs.Random(3, 8 * 64), [8, 64])),
            Budgets = [],
        };
        var port = PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken).Manifest.Outputs[0];
        Assert.Equal(Verdict.Kept, port.Verdict);
        Assert.Equal((2, 1, 2), (port.Kernels!.Source["MatMul"], port.Kernels.PortRuns!["If"], port.Kernels.PortRuns[kernel]));
        Assert.Equal(port.Kernels.Port, port.Kernels.PortRuns);
    }

    [Theory]
    [InlineData("FP32")]
    [InlineData("INT8")]
    [InlineData("INT8-Dynamic")]
    public void A_model_without_its_weights_is_rewritten_as_with_them(string precision)
    {
        using var folder = new TemporaryFolder();
        using var model = OnnxModel.Open(Path.Combine(ports.Folder, $"model-{precision}.onnx"));
        using var graph = new RuntimeGraph(folder.Path, "m");
        using var seen = graph.Seen(model, GraphOptimization.Extended);
        Assert.Equal(OnnxGraphs.Census(OnnxGraphs.Fused(model)), OnnxGraphs.Census(seen.Bodies().SelectMany(b => b.Nodes).CountBy(n => n.OpType).ToDictionary()));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Weights_of_a_graph_that_is_only_looked_at_are_not_read()
    {
        using var folder = new TemporaryFolder();
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 1024), OnnxGraphs.Floats(1, 1024), [OnnxGraphs.Node("MatMul", "x,w", "m"), OnnxGraphs.Node("Gelu", "m", "y")], [], opset: 20, ir: 9);
        model.Proto.Graph.Initializer.Add(model.NewTensor("w", DataType.Float, [1024, 1024], OnnxContent.Computed(4 << 20, _ => Assert.Fail("The weights are read."))));
        using var graph = new RuntimeGraph(folder.Path, "m");
        using var seen = graph.Seen(model, GraphOptimization.Extended);
        Assert.Equal(1, ModelCensus.Of(seen).NodesByOperator["MatMul"]);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Nodes_between_conversions_are_found_in_bodies_too()
    {
        var branch = OnnxGraphs.Graph([OnnxGraphs.Node("DequantizeLinear", "q,s", "d"), OnnxGraphs.Node("Softmax", "d", "soft"), OnnxGraphs.Node("Relu", "outer", "out")], []);
        branch.Output.Add(new ValueInfoProto { Name = "soft" });
        var other = OnnxGraphs.Graph([OnnxGraphs.Node("Identity", "x", "same")], []);
        other.Output.Add(new ValueInfoProto { Name = "same" });
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(3),
            OnnxGraphs.Floats(3),
            [
                OnnxGraphs.Node("QuantizeLinear", "x,s", "q"),
                OnnxGraphs.Node("DequantizeLinear", "q,s", "outer"),
                OnnxGraphs.Node("QuantizeLinear", "outer,s", "again"),
                OnnxGraphs.Node("If", "c", "y", ("then_branch", branch), ("else_branch", other)),
            ],
            [OnnxGraphs.Weight("s", [], 0.1f)]);
        var unfused = OperatorCensus.Unfused(model);
        Assert.Equal(["Softmax_soft", "Relu_out"], unfused[0].Nodes);
        Assert.Equal(4, unfused[1].Nodes.Count);
        Assert.Equal("nodes in float between conversions, as no kernel of integers takes them: 2 ('Softmax_soft', 'Relu_out')", unfused[0].ToString());
        Assert.Equal(2, unfused.Count);
    }

    [Fact]
    public void Half_floats_that_are_computed_as_FP32_are_named_but_for_weights_which_are_converted_once()
    {
        TensorProto half = new() { Name = "w", DataType = DataType.Float16, RawData = Google.Protobuf.ByteString.CopyFrom(new byte[6]) };
        half.Dims.Add(3);
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(3),
            OnnxGraphs.Floats(3),
            [OnnxGraphs.Node("Cast", "x", "h", ("to", 10L)), OnnxGraphs.Node("Cast", "w", "wide", ("to", 1L)), OnnxGraphs.Node("Cast", "h", "again", ("to", 1L)), OnnxGraphs.Node("Add", "again,wide", "y")],
            [half]);
        model.Proto.Graph.ValueInfo.Add(new ValueInfoProto { Name = "h", Type = OnnxTypes.Tensor(DataType.Float16) });
        Assert.Equal(["Cast_h", "Cast_again"], Assert.Single(OperatorCensus.Unfused(model)).Nodes);
        Assert.Equal((3, 2), (ModelCensus.Of(model).NodesByOperator["Cast"], OperatorCensus.Running(model)["Cast"]));
    }

    [Fact]
    public void A_graph_that_is_bound_to_a_processor_or_has_other_inputs_is_no_port()
    {
        static OnnxModel Model(string domain = "", string input = "x") => OnnxGraphs.Of(OnnxGraphs.Floats(3), OnnxGraphs.Floats(3), [Of(domain, input)], []);
        static NodeProto Of(string domain, string input)
        {
            var node = OnnxGraphs.Node("Relu", input, "y");
            node.Domain = domain;
            return node;
        }

        using var given = Model();
        using var bound = Model("com.microsoft.nchwc");
        using var fused = Model(Domains.Microsoft);
        using var own = Model("own");
        KeptGraph.Tidy(fused, given, "m.onnx");
        KeptGraph.Tidy(own, own, "m.onnx");
        var error = Assert.Throws<ModelPortException>(() => KeptGraph.Tidy(bound, given, "m.onnx")).Diagnostic;
        Assert.Equal("MP2110", error.Code);
        Assert.Contains("com.microsoft.nchwc", error.Message, StringComparison.Ordinal);
        using var renamed = Model();
        renamed.Proto.Graph.Input[0].Name = "z";
        Assert.Contains("'z", Assert.Throws<ModelPortException>(() => KeptGraph.Tidy(renamed, given, "m.onnx")).Diagnostic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MP1102", "all", "INT8", "cpu")]
    [InlineData("MP1102", "Layout", "INT8", "cpu")]
    [InlineData("MP1020", "most", "INT8", "cpu")]
    [InlineData("MP1103", "extended", "INT8;FP8", "cpu")]
    [InlineData("MP1103", "basic", "INT8", "tensorrt")]
    public void A_level_that_makes_no_sense_is_refused(string code, string level, string precisions, string hardware) =>
        Assert.Equal(code, Assert.Throws<ModelPortException>(() => ports.Request(ports.Beside("none"), precisions, ("Optimize", level), ("HardwareTarget", hardware))).Diagnostic.Code);

    [Fact]
    public void A_plan_says_that_a_graph_is_rewritten()
    {
        var plan = OnnxPlanSummary.Of(ports.Request(ports.Beside("none"), "FP32;INT8", Extended), why: false, new QuietObserver(), TestContext.Current.CancellationToken);
        Assert.All(plan.Ports, port => Assert.Equal("extended", port.Optimize));
    }
}
