using System.Runtime.InteropServices;
using Google.Protobuf;
using ModelPort.Formats.Onnx;

namespace ModelPort.Formats.Tests.Onnx;

/// <summary>Small models that the tests vary.</summary>
internal static class Models
{
    /// <summary>y = x + w, where w is an initialiser of so many floats.</summary>
    public static ModelProto Add(int elements = 4)
    {
        ModelProto model = new() { IrVersion = 10, ProducerName = "test", Graph = new GraphProto { Name = "g" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
        model.Graph.Input.Add(Info("x", elements));
        model.Graph.Output.Add(Info("y", elements));
        model.Graph.Initializer.Add(Floats("w", elements));
        model.Graph.Node.Add(NodeAttributes.Node("Add", ["x", "w"], ["y"], "sum"));
        return model;
    }

    public static TensorProto Floats(string name, int elements, int seed = 1)
    {
        TensorProto tensor = new() { Name = name, DataType = DataType.Float };
        tensor.Dims.Add(elements);
        tensor.RawData = ByteString.CopyFrom(Bytes(4 * elements, seed));
        return tensor;
    }

    public static byte[] Bytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static ValueInfoProto Info(string name, params long[] shape) => new() { Name = name, Type = OnnxTypes.Tensor(DataType.Float, shape) };

    public static TensorProto External(string name, int elements, params (string Key, string Value)[] entries)
    {
        TensorProto tensor = new() { Name = name, DataType = DataType.Float, DataLocation = DataLocation.External };
        tensor.Dims.Add(elements);
        tensor.ExternalData.AddRange(entries.Select(entry => new StringStringEntryProto { Key = entry.Key, Value = entry.Value }));
        return tensor;
    }

    /// <summary>A graph that returns what it takes from outside, plus an initialiser of its own.</summary>
    public static GraphProto Branch(string outer, string prefix, int elements)
    {
        GraphProto graph = new() { Name = prefix };
        graph.Initializer.Add(Floats(prefix + "w", elements, 2));
        graph.Node.Add(NodeAttributes.Node("Add", [outer, prefix + "w"], [prefix + "y"], prefix + "sum"));
        graph.Output.Add(Info(prefix + "y", elements));
        return graph;
    }

    /// <summary>Weights in every place there is: initialiser, sparse, Constant in each form, If branches, a function, training.</summary>
    public static ModelProto Everywhere(int elements)
    {
        ModelProto model = Add(elements);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.unknown", Version = 7 });
        GraphProto graph = model.Graph;
        SparseTensorProto sparse = new() { Values = Floats("sparse", 2), Indices = new TensorProto { Name = "i", DataType = DataType.Int64 } };
        sparse.Indices.Dims.Add(2);
        sparse.Indices.Int64Data.AddRange([0, 3]);
        sparse.Dims.Add(elements);
        graph.SparseInitializer.Add(sparse);
        graph.Input.Add(new ValueInfoProto { Name = "c", Type = OnnxTypes.Tensor(DataType.Bool, []) });
        graph.Node.Add(NodeAttributes.Node("Constant", [], ["k"]).Set("value", Floats("", elements, 3)));
        graph.Node.Add(NodeAttributes.Node("Constant", [], ["kf"]).Set("value_float", 1.5f));
        graph.Node.Add(NodeAttributes.Node("Constant", [], ["kfs"]).Set("value_floats", new[] { 1f, 2f }));
        graph.Node.Add(NodeAttributes.Node("Constant", [], ["ki"]).Set("value_int", 7L));
        graph.Node.Add(NodeAttributes.Node("Constant", [], ["kis"]).Set("value_ints", new[] { 1L, 2L, 3L }));
        graph.Node.Add(NodeAttributes.Node("If", ["c"], ["z"], "choice").Set("then_branch", Branch("y", "t", elements)).Set("else_branch", Branch("k", "e", elements)));
        graph.Node.Add(NodeAttributes.Node("Twice", ["z"], ["f"], "call", "local"));
        graph.Node.Add(NodeAttributes.Node("Mystery", ["f", ""], ["u"], "unknown", "com.unknown").Set("t", Floats("", 3)));
        graph.Output.Add(new ValueInfoProto { Name = "u" });
        FunctionProto function = new() { Name = "Twice", Domain = "local" };
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
        function.Input.Add("a");
        function.Output.Add("b");
        function.Node.Add(NodeAttributes.Node("Constant", [], ["two"]).Set("value", Floats("", elements, 4)));
        function.Node.Add(NodeAttributes.Node("Mul", ["a", "two"], ["b"]));
        model.Functions.Add(function);
        model.TrainingInfo.Add(new TrainingInfoProto { Algorithm = Branch("w", "train", elements) });
        model.MetadataProps.Add(new StringStringEntryProto { Key = "licence", Value = "MIT" });
        return model;
    }

    public static byte[] AsBytes(float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    public static string Write(this TempFolder folder, string name, ModelProto model) => folder.Write(name, model.ToByteArray());
}
