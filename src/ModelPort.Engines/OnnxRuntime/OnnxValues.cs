using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>Values on their way into native code: memory is pinned, not copied, until this is disposed.</summary>
internal sealed class OnnxInputs : IDisposable
{
    private readonly List<MemoryHandle> _pinned = [];
    private readonly List<OrtValue> _owned = [];

    public OrtValue Add(EngineValue value)
    {
        var native = Native(value);
        _owned.Add(native);
        return native;
    }

    public void Dispose()
    {
        _owned.ForEach(value => value.Dispose());
        _pinned.ForEach(handle => handle.Dispose());
    }

    private OrtValue Native(EngineValue value) => value switch
    {
        EngineSequence sequence => Sequence(sequence),
        EngineTensor { Type: TensorType.String } strings => Strings(strings),
        EngineTensor { Bytes.IsEmpty: true } empty => OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)empty.Type, empty.Shape.ToArray()),
        EngineTensor tensor => Numbers(tensor),
        _ => throw new ArgumentException($"A {value.GetType().Name} is no input.", nameof(value)),
    };

    // The sequence takes its items over and disposes them.
    private OrtValue Sequence(EngineSequence sequence) => OrtValue.CreateSequence(sequence.Items.Select(Native).ToList());

    private static OrtValue Strings(EngineTensor tensor)
    {
        var native = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, tensor.Shape.ToArray());
        for (var i = 0; i < tensor.Strings.Count; i++)
        {
            native.StringTensorSetElementAt(tensor.Strings[i].AsSpan(), i);
        }

        return native;
    }

    private unsafe OrtValue Numbers(EngineTensor tensor)
    {
        var pinned = tensor.Bytes.Pin();
        _pinned.Add(pinned);
        return OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape.ToArray(), (nint)pinned.Pointer, tensor.Bytes.Length);
    }
}

/// <summary>Values on their way out of native code, copied.</summary>
internal static class OnnxOutputs
{
    /// <exception cref="NotSupportedException">A value of a kind that is not read: a map, a sparse tensor, an optional without a value.</exception>
    public static EngineValue Read(OrtValue value)
    {
        switch (value.OnnxType)
        {
            case OnnxValueType.ONNX_TYPE_TENSOR:
                var info = value.GetTensorTypeAndShape();
                return info.IsString
                    ? new EngineTensor(info.Shape, value.GetStringTensorAsArray())
                    : new EngineTensor((TensorType)info.ElementDataType, info.Shape, info.ElementCount == 0 ? Array.Empty<byte>() : value.GetTensorMutableRawData().ToArray());
            case OnnxValueType.ONNX_TYPE_SEQUENCE:
                List<EngineValue> items = [];
                value.ProcessSequence((item, _) => items.Add(Read(item)), OrtAllocator.DefaultInstance);
                return new EngineSequence(items);
            default:
                throw new NotSupportedException($"A value of kind {value.OnnxType} is not read.");
        }
    }
}
