using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ModelPort.Architectures;
using ModelPort.Calibration;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Safetensors;
using ModelPort.Kernels;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>
/// One thread's part of a port: reads a slice, checks it, moves its rows, and writes it to every output in that output's type. The widened values
/// are made once for all outputs; a value that keeps its type is copied as it is.
/// </summary>
internal sealed class SliceWorker
{
    private readonly PortPlan _plan;
    private readonly IReadOnlyList<OutputFiles> _outputs;
    private readonly Importance? _importance;
    private readonly SourceHashing _hashing;
    private readonly byte[] _source;
    private readonly byte[] _moved;
    private readonly float[] _wide;
    private readonly byte[] _target;
    private readonly float[] _weights;
    private readonly Dictionary<string, long> _overflow = new(StringComparer.Ordinal);

    /// <summary>Makes a worker with buffers for slices of a size.</summary>
    public SliceWorker(PortPlan plan, IReadOnlyList<OutputFiles> outputs, Importance? importance, SourceHashing hashing, long elements)
    {
        _hashing = hashing;
        _plan = plan;
        _outputs = outputs;
        _importance = importance;
        var sourceBytes = plan.Tensors.Max(SourceBytes);
        _source = new byte[elements * sourceBytes];
        _moved = plan.Tensors.Any(t => t.Rows is RowOrder.InterleaveHalves) ? new byte[elements * sourceBytes] : [];
        _wide = new float[elements];
        _target = new byte[elements * sizeof(float)];
        _weights = importance is null ? [] : new float[plan.Tensors.Max(t => t.RowLength)];
    }

    /// <summary>Bytes of buffers a worker needs for each value of a slice: source, moved source, widened, target.</summary>
    public static long BytesPerElement(PortPlan plan) => 2 * plan.Tensors.Max(SourceBytes) + 2 * sizeof(float);

    /// <summary>How many values of each tensor became infinite in an F16 output.</summary>
    public IReadOnlyDictionary<string, long> Overflow => _overflow;

    /// <summary>Carries out one slice.</summary>
    /// <returns>The bytes read.</returns>
    /// <exception cref="ModelPortException">MP1017: a value is not finite; MP2001, MP2002: writing failed; MP2009: a value is too large for its type.</exception>
    public int Run(Slice slice)
    {
        var tensor = _plan.Tensors[slice.Tensor];
        var part = tensor.Parts.IsEmpty ? null : tensor.Parts[slice.Part];
        var bytes = part is null ? Computed(tensor, slice) : Read(tensor, part, slice);
        var type = part?.Tensor.Type ?? SafetensorsType.F32;
        var widened = false;
        foreach (var output in _outputs)
        {
            var target = output.Plan.Layout.Tensors[slice.Tensor].Type;
            var offset = GgmlTypes.RowBytes(target, slice.FirstElement);
            if (SameType(type, target))
            {
                output.Write(slice.Tensor, offset, bytes);
                continue;
            }

            var wide = _wide.AsSpan(0, slice.ElementCount);
            if (!widened)
            {
                WidenTo(type, bytes, wide);
                RequireInRange(part, wide, slice);
                widened = true;
            }

            output.Write(slice.Tensor, offset, NarrowTo(target, wide, slice, part, output));
        }

        return bytes.Length;
    }

    /// <summary>Bytes of a value of a tensor in the source, at most.</summary>
    public static long SourceBytes(TensorPlan tensor) => tensor.Parts.IsEmpty ? sizeof(float) : tensor.Parts.Max(p => SafetensorsTypes.Bits(p.Tensor.Type) / 8);

    private Span<byte> Read(TensorPlan tensor, SourcePart part, Slice slice)
    {
        var source = part.Tensor;
        var width = SafetensorsTypes.Bits(source.Type) / 8;
        var bytes = _source.AsSpan(0, slice.ElementCount * width);
        var offset = (part.FirstElement + slice.FirstElementOfPart) * width;
        source.File.Read(source.Tensor, offset, bytes);
        _hashing.Read(source.File, source.Tensor.Offset + offset, bytes);
        RequireFinite(part, bytes, slice);
        if (tensor.Rows is not RowOrder.InterleaveHalves order)
        {
            return bytes;
        }

        var moved = _moved.AsSpan(0, bytes.Length);
        var rows = tensor.Shape.Length < 2 ? tensor.ElementCount : tensor.RowCount;
        InterleaveHalves(bytes, moved, slice.RowLength * width, (int)(rows / order.Heads));
        return moved;
    }

    private Span<byte> Computed(TensorPlan tensor, Slice slice)
    {
        var values = tensor.Values.AsSpan((int)slice.FirstElement, slice.ElementCount);
        MemoryMarshal.AsBytes(values).CopyTo(_source);
        return _source.AsSpan(0, values.Length * sizeof(float));
    }

    /// <summary>Row 2i+k of a head becomes row k*d/2+i of the source head.</summary>
    private static void InterleaveHalves(ReadOnlySpan<byte> source, Span<byte> target, int rowBytes, int headRows)
    {
        var half = headRows / 2;
        var headBytes = headRows * rowBytes;
        for (var head = 0; head < source.Length; head += headBytes)
        {
            for (var row = 0; row < headRows; row++)
            {
                var from = head + ((row & 1) * half + (row >> 1)) * rowBytes;
                source.Slice(from, rowBytes).CopyTo(target[(head + row * rowBytes)..]);
            }
        }
    }

    private static void RequireFinite(SourcePart part, ReadOnlySpan<byte> bytes, Slice slice)
    {
        var type = part.Tensor.Type;
        var index = type switch
        {
            SafetensorsType.BF16 => Finite.IndexOfNonFiniteBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes)),
            SafetensorsType.F16 => Finite.IndexOfNonFiniteHalf(MemoryMarshal.Cast<byte, ushort>(bytes)),
            SafetensorsType.F64 => Finite.IndexOfNonFinite(MemoryMarshal.Cast<byte, double>(bytes)),
            _ => Finite.IndexOfNonFinite(MemoryMarshal.Cast<byte, float>(bytes)),
        };
        if (index >= 0)
        {
            var value = new float[1];
            var width = SafetensorsTypes.Bits(type) / 8;
            WidenTo(type, bytes.Slice(index * width, width), value);
            throw NonFinite(part, slice, index, float.IsNaN(value[0]) ? "NaN" : "infinity");
        }
    }

    // Finite doubles may lie beyond the range of a float; no other type does.
    private static void RequireInRange(SourcePart? part, ReadOnlySpan<float> wide, Slice slice)
    {
        if (part is { Tensor.Type: SafetensorsType.F64 } && Finite.IndexOfNonFinite(wide) is >= 0 and var index)
        {
            throw NonFinite(part, slice, index, "a value beyond the range of F32");
        }
    }

    private static ModelPortException NonFinite(SourcePart part, Slice slice, int index, string value) =>
        new(Diagnose.NonFinite(part.Tensor.File.Path, part.Tensor.Name, part.FirstElement + slice.FirstElementOfPart + index, value));

    private static bool SameType(SafetensorsType source, GgmlType target) => (source, target) is
        (SafetensorsType.BF16, GgmlType.BF16) or (SafetensorsType.F16, GgmlType.F16) or (SafetensorsType.F32, GgmlType.F32);

    private static void WidenTo(SafetensorsType type, ReadOnlySpan<byte> bytes, Span<float> wide)
    {
        switch (type)
        {
            case SafetensorsType.BF16:
                Widen.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes), wide);
                break;
            case SafetensorsType.F16:
                Widen.FromHalf(MemoryMarshal.Cast<byte, ushort>(bytes), wide);
                break;
            case SafetensorsType.F64:
                Widen.FromDouble(MemoryMarshal.Cast<byte, double>(bytes), wide);
                break;
            default:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(wide);
                break;
        }
    }

    private ReadOnlySpan<byte> NarrowTo(GgmlType type, ReadOnlySpan<float> wide, Slice slice, SourcePart? part, OutputFiles output)
    {
        var target = _target.AsSpan(0, checked((int)GgmlTypes.RowBytes(type, wide.Length)));
        switch (type)
        {
            case GgmlType.F32:
                MemoryMarshal.AsBytes(wide).CopyTo(target);
                break;
            case GgmlType.BF16:
                Narrow.ToBFloat16(wide, MemoryMarshal.Cast<byte, ushort>(target));
                break;
            case GgmlType.F16:
                var overflowed = Narrow.ToHalf(wide, MemoryMarshal.Cast<byte, ushort>(target));
                if (overflowed > 0)
                {
                    var name = part?.Tensor.Name ?? _plan.Tensors[slice.Tensor].Name;
                    _overflow[name] = _overflow.GetValueOrDefault(name) + overflowed;
                    // A run that goes on after this one has to count them too.
                    output.FileOf(slice.Tensor).RecoverNoFurther();
                }

                break;
            default:
                Quantise(type, wide, target, slice, part);
                break;
        }

        return target;
    }

    // Rows of one matrix share the importance of their columns, and a slice holds rows of one matrix.
    private ReadOnlySpan<float> WeightsOf(Slice slice)
    {
        var tensor = _plan.Tensors[slice.Tensor];
        if (_importance?.EntryOf(tensor) is not { } entry)
        {
            return [];
        }

        var weights = _weights.AsSpan(0, slice.RowLength);
        entry.CopyWeights(tensor.IsStack ? (long)slice.Part * slice.RowLength : 0, weights);
        return weights;
    }

    // Types without a kernel here are ggml's own work.
    private void Quantise(GgmlType type, ReadOnlySpan<float> wide, Span<byte> target, Slice slice, SourcePart? part)
    {
        var weights = WeightsOf(slice);
        var limit = GgmlQuantizer.LargestValue((int)type, weights);
        var at = limit < float.MaxValue ? TensorPrimitives.IndexOfMaxMagnitude(wide) : -1;
        if (at >= 0 && MathF.Abs(wide[at]) > limit)
        {
            throw new ModelPortException(Diagnose.BeyondType(
                part?.Tensor.File.Path ?? "",
                part?.Tensor.Name ?? "",
                (part?.FirstElement ?? 0) + slice.FirstElementOfPart + at,
                wide[at].ToString(CultureInfo.InvariantCulture),
                GgmlTypes.Name(type),
                limit.ToString(CultureInfo.InvariantCulture)));
        }

        if (BlockQuantizer.IsSupported((BlockType)type))
        {
            BlockQuantizer.Quantize((BlockType)type, wide, target, slice.RowLength, weights);
        }
        else
        {
            GgmlQuantizer.Quantize((int)type, wide, target, slice.RowLength, weights);
        }
    }
}
