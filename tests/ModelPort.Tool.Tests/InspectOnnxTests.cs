using System.Text.Json;
using ModelPort.Formats.Onnx;

namespace ModelPort.Tool.Tests;

/// <summary>inspect of ONNX models.</summary>
public sealed class InspectOnnxTests : IDisposable
{
    private static readonly string Digits = Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "digits-cnn", "model.onnx");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Inspect_shows_a_model_as_text()
    {
        var result = await ToolProcess.Run("inspect", Digits);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.All(
            (string[])["version 8", "ai.onnx 17", "pytorch 2.11.0", "40,397", "FLOAT [batch, 1, 8, 8]", "FLOAT [batch, 10]", "Conv", "Constant in the main graph", "onnx::Conv_45"],
            text => Assert.Contains(text, result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Inspect_shows_a_model_as_json_with_weights_in_subgraphs_and_external_files()
    {
        var path = Path.Combine(_folder.Path, "model.onnx");
        using (var model = OnnxModel.Open(Digits))
        {
            // The model's weights go to a file of their own, and one more stands in a branch.
            GraphProto branch = new() { Name = "branch" };
            branch.Initializer.Add(model.NewTensor("inner", DataType.Float16, [3, 5], OnnxContent.Of(new byte[30])));
            branch.Output.Add(new ValueInfoProto { Name = "inner" });
            model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "flag", Type = OnnxTypes.Tensor(DataType.Bool, []) });
            model.Proto.Graph.Node.Add(NodeAttributes.Node("If", ["flag"], ["extra"], "choice").Set("then_branch", branch).Set("else_branch", branch));
            model.Proto.MetadataProps.Add(new StringStringEntryProto { Key = "licence", Value = "MIT" });
            model.Save(path, "model.onnx.data");
        }

        var result = await ToolProcess.Run("inspect", path, "--format", "json");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        using var json = JsonDocument.Parse(result.Output);
        var root = json.RootElement;
        Assert.Equal((8, 3, 40_427), (root.GetProperty("irVersion").GetInt64(), root.GetProperty("graphs").GetInt32(), root.GetProperty("parameters").GetInt64()));
        Assert.Equal(["image", "flag"], root.GetProperty("inputs").EnumerateArray().Select(input => input.GetProperty("name").GetString()));
        Assert.Equal("MIT", root.GetProperty("metadata").GetProperty("licence").GetString());
        var convolutions = Assert.Single(root.GetProperty("operators").EnumerateArray(), count => count.GetProperty("operator").GetString() == "Conv");
        Assert.Equal(3, convolutions.GetProperty("count").GetInt32());
        var external = root.GetProperty("weights").EnumerateArray().Where(count => count.GetProperty("isExternal").GetBoolean()).ToArray();
        Assert.Equal(["Initializer"], external.Select(count => count.GetProperty("place").GetString()));
        var inner = root.GetProperty("tensors").EnumerateArray().Where(tensor => tensor.GetProperty("name").GetString() == "inner").ToArray();
        Assert.Equal(["graph/choice/then_branch", "graph/choice/else_branch"], inner.Select(tensor => tensor.GetProperty("body").GetString()));
        Assert.All(inner, tensor => Assert.Equal("FLOAT16", tensor.GetProperty("type").GetString()));
        Assert.True(root.GetProperty("bytes").GetInt64() > 160_000);
    }

    [Fact]
    public async Task A_damaged_model_is_answered_with_its_code()
    {
        var path = Path.Combine(_folder.Path, "model.onnx");
        await File.WriteAllBytesAsync(path, (await File.ReadAllBytesAsync(Digits, TestContext.Current.CancellationToken))[..100_000], TestContext.Current.CancellationToken);
        var result = await ToolProcess.Run("inspect", path);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"{path}: error MP1004: ", result.Errors, StringComparison.Ordinal);

        var missing = await ToolProcess.Run("inspect", Path.Combine(_folder.Path, "none.onnx"));
        Assert.Contains("error MP1002: 'none.onnx' is missing", missing.Errors, StringComparison.Ordinal);
    }
}
