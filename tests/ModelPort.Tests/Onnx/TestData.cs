using Google.Protobuf;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;

namespace ModelPort.Tests.Onnx;

/// <summary>
/// The operator tests that the ONNX project publishes, as Debian's package libonnx-testdata installs them: a folder a model, with inputs and expected outputs
/// as protobuf messages of the kind that the model's input or output has.
/// </summary>
internal static class TestData
{
    public const string Root = "/usr/share/libonnx-testdata/data";

    public const string Missing = "The package libonnx-testdata is not installed: 'apt-get install libonnx-testdata' (Debian 12).";

    /// <summary>The model's folders, sorted; their names are unique.</summary>
    public static string[] Folders() => [.. Directory.EnumerateFiles(Root, "model.onnx", SearchOption.AllDirectories).Select(file => Path.GetDirectoryName(file)!).Order(StringComparer.Ordinal)];

    /// <summary>Reads input_0.pb and so on, or output_0.pb.</summary>
    public static EngineValue[] Read(string set, string kind, IReadOnlyList<TypeProto> types) =>
        [.. types.Take(Directory.GetFiles(set, $"{kind}_*.pb").Length).Select((type, i) => Value(File.ReadAllBytes(Path.Combine(set, $"{kind}_{i}.pb")), type))];

    // SequenceProto and OptionalProto (onnx-data.proto): tensors stand in field 3, sequences in field 5.
    private static EngineValue Value(byte[] bytes, TypeProto type) => type.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => Tensor(TensorProto.Parser.ParseFrom(bytes), type.TensorType.ElemType),
        TypeProto.ValueOneofCase.SequenceType => new EngineSequence([.. Fields(bytes).Select(item => Value(item, type.SequenceType.ElemType))]),
        TypeProto.ValueOneofCase.OptionalType => Fields(bytes) is [var only] ? Value(only, type.OptionalType.ElemType) : throw new NotSupportedException("an optional value that is not there"),
        _ => throw new NotSupportedException($"a value of kind {type.ValueCase}"),
    };

    private static List<byte[]> Fields(byte[] bytes)
    {
        List<byte[]> values = [];
        CodedInputStream input = new(bytes);
        while (input.ReadTag() is not 0 and var tag)
        {
            if (WireFormat.GetTagFieldNumber(tag) is 3 or 5 && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
            {
                values.Add(input.ReadBytes().ToByteArray());
            }
            else
            {
                input.SkipLastField();
            }
        }

        return values;
    }

    // NumPy, which made the data, has no BF16: its bits are stored as whole numbers.
    private static EngineTensor Tensor(TensorProto tensor, DataType declared) => tensor.DataType == DataType.String
        ? new EngineTensor([.. tensor.Dims], [.. tensor.StringData.Select(text => text.ToStringUtf8())])
        : new EngineTensor((TensorType)(declared == DataType.Bfloat16 && tensor.DataType == DataType.Uint16 ? declared : tensor.DataType), [.. tensor.Dims], OnnxModel.Create(new ModelProto()).ContentOf(tensor).ToArray());
}
