namespace ModelPort.Formats.Onnx;

/// <summary>The messages on the way from a model to its tensors.</summary>
internal enum WireMessage
{
    Other,
    Model,
    Training,
    Graph,
    Function,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
}

/// <summary>Where tensors stand in a model: which field of which message holds which message.</summary>
internal static class WireSchema
{
    /// <summary>The fields that hold a tensor's values as its raw bytes are: 32-bit floats, 64-bit floats, anything.</summary>
    public static bool IsContent(int field) =>
        field is TensorProto.FloatDataFieldNumber or TensorProto.DoubleDataFieldNumber or TensorProto.RawDataFieldNumber;

    public static WireMessage Inside(WireMessage message, int field) => (message, field) switch
    {
        (WireMessage.Model, ModelProto.GraphFieldNumber) => WireMessage.Graph,
        (WireMessage.Model, ModelProto.TrainingInfoFieldNumber) => WireMessage.Training,
        (WireMessage.Model, ModelProto.FunctionsFieldNumber) => WireMessage.Function,
        (WireMessage.Training, TrainingInfoProto.InitializationFieldNumber or TrainingInfoProto.AlgorithmFieldNumber) => WireMessage.Graph,
        (WireMessage.Graph, GraphProto.NodeFieldNumber) => WireMessage.Node,
        (WireMessage.Graph, GraphProto.InitializerFieldNumber) => WireMessage.Tensor,
        (WireMessage.Graph, GraphProto.SparseInitializerFieldNumber) => WireMessage.SparseTensor,
        (WireMessage.Function, FunctionProto.NodeFieldNumber) => WireMessage.Node,
        (WireMessage.Function, FunctionProto.AttributeProtoFieldNumber) => WireMessage.Attribute,
        (WireMessage.Node, NodeProto.AttributeFieldNumber) => WireMessage.Attribute,
        (WireMessage.Attribute, AttributeProto.TFieldNumber or AttributeProto.TensorsFieldNumber) => WireMessage.Tensor,
        (WireMessage.Attribute, AttributeProto.GFieldNumber or AttributeProto.GraphsFieldNumber) => WireMessage.Graph,
        (WireMessage.Attribute, AttributeProto.SparseTensorFieldNumber or AttributeProto.SparseTensorsFieldNumber) => WireMessage.SparseTensor,
        (WireMessage.SparseTensor, SparseTensorProto.ValuesFieldNumber or SparseTensorProto.IndicesFieldNumber) => WireMessage.Tensor,
        _ => WireMessage.Other,
    };
}
