using System.Numerics;
using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>
/// ggml's own row quantisers. Types are numbers of enum ggml_type (ggml.h): 8 is Q8_0, 12 is Q4_K. Results do not depend on the
/// processor or on how rows are split over calls. Loads the runtime if it is not loaded. Safe to use from any thread.
/// </summary>
/// <remarks>ggml ends the process where a precondition fails, so all are checked here first.</remarks>
public static unsafe class GgmlQuantizer
{
    private const int F32 = 0;
    private const int F16 = 1;
    private const int BF16 = 30;
    private const float LargestGridValue = 1e10f;
    private const double LargestGridDistance = 1e34;

    // What ggml_quantize_chunk has a case for: F32 F16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K-Q6_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S
    // IQ4_XS IQ1_M BF16 TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0.
    private static readonly HashSet<int> Targets =
    [
        0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 29, 30, 34, 35, 39, 40, 41, 42,
    ];

    // IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ3_S IQ2_S IQ1_M search a grid for the nearest point, and assert that they find one: the weighted
    // distance must stay finite. It grows with the weight and the cube of the value; overflow was seen from 1e36 on.
    private static readonly HashSet<int> GridSearched = [16, 17, 18, 19, 21, 22, 29];

    /// <summary>Whether <see cref="Quantize"/> knows a type.</summary>
    public static bool Supports(int ggmlType) => Targets.Contains(ggmlType);

    /// <summary>The name of a type, such as "q4_K".</summary>
    /// <exception cref="ArgumentOutOfRangeException">Nothing quantises to this type.</exception>
    public static string TypeName(int ggmlType)
    {
        Require(ggmlType);
        return Marshal.PtrToStringUTF8((nint)GgmlNative.TypeName(ggmlType)) ?? "";
    }

    /// <summary>The elements in one block of a type; a row must be a multiple of it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Nothing quantises to this type.</exception>
    public static int BlockLength(int ggmlType)
    {
        Require(ggmlType);
        return (int)GgmlNative.BlockLength(ggmlType);
    }

    /// <summary>The bytes of a row.</summary>
    /// <param name="ggmlType">The type.</param>
    /// <param name="elements">The elements in the row, a multiple of the block length.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// Nothing quantises to this type, or the length is negative or no multiple of the block.
    /// </exception>
    public static long RowBytes(int ggmlType, long elements)
    {
        var block = BlockLength(ggmlType);
        ArgumentOutOfRangeException.ThrowIfNegative(elements);
        return elements % block == 0
            ? checked(elements / block * (long)GgmlNative.BlockBytes(ggmlType))
            : throw new ArgumentOutOfRangeException(nameof(elements), elements, $"{TypeName(ggmlType)} packs blocks of {block} elements.");
    }

    /// <summary>Whether a type cannot be quantised to without importance values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Nothing quantises to this type.</exception>
    public static bool RequiresImportance(int ggmlType)
    {
        Require(ggmlType);
        return GgmlNative.RequiresImportance(ggmlType) != 0;
    }

    /// <summary>The largest magnitude that <see cref="Quantize"/> takes.</summary>
    /// <param name="ggmlType">The type to quantise to.</param>
    /// <param name="importance">The importance values of the columns; empty for none.</param>
    public static float LargestValue(int ggmlType, ReadOnlySpan<float> importance = default) => GridSearched.Contains(ggmlType)
        ? MathF.Min(LargestGridValue, (float)Math.Cbrt(LargestGridDistance / LargestMagnitude(importance)))
        : float.MaxValue;

    /// <summary>Quantises rows (ggml_quantize_chunk).</summary>
    /// <param name="ggmlType">The type to quantise to.</param>
    /// <param name="source">Whole rows; all values finite unless the type is F32, F16 or BF16.</param>
    /// <param name="destination">Takes the rows; exactly as long as they need.</param>
    /// <param name="rowLength">The elements in a row, a multiple of the type's block.</param>
    /// <param name="importance">One weight a column, for every row alike, finite and not negative; empty for none.</param>
    /// <exception cref="ArgumentException">
    /// A length does not fit, a value is not finite, importance is missing or unusable, or a value is beyond what IQ1 to IQ3 types can
    /// search (<see cref="LargestValue"/>).
    /// </exception>
    /// <exception cref="EngineException">llama.cpp cannot be loaded.</exception>
    public static void Quantize(
        int ggmlType, ReadOnlySpan<float> source, Span<byte> destination, long rowLength, ReadOnlySpan<float> importance = default)
    {
        Require(ggmlType);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowLength);
        var rowBytes = RowBytes(ggmlType, rowLength);
        if (source.Length % rowLength != 0)
        {
            throw new ArgumentException($"{source.Length} values are no whole number of rows of {rowLength}.", nameof(source));
        }

        var rows = source.Length / rowLength;
        if (destination.Length != rows * rowBytes)
        {
            throw new ArgumentException($"{rows} rows need {rows * rowBytes} bytes, not {destination.Length}.", nameof(destination));
        }

        if (importance.IsEmpty ? RequiresImportance(ggmlType) : importance.Length != rowLength)
        {
            throw new ArgumentException(
                $"{TypeName(ggmlType)} rows of {rowLength} need as many importance values, not {importance.Length}.", nameof(importance));
        }

        if (ggmlType is not (F32 or F16 or BF16))
        {
            RequireFinite(source);
            RequireWeights(importance);
        }

        if (GridSearched.Contains(ggmlType))
        {
            RequireGridRange(ggmlType, source, importance);
        }

        if (rows == 0)
        {
            return;
        }

        fixed (float* from = source)
        fixed (byte* to = destination)
        fixed (float* weights = importance)
        {
            _ = GgmlNative.QuantizeChunk(ggmlType, from, to, 0, rows, rowLength, weights);
        }
    }

    /// <summary>Decodes rows (the type's to_float).</summary>
    /// <param name="ggmlType">A block type; not F32, F16 or BF16.</param>
    /// <param name="rows">Whole blocks.</param>
    /// <param name="destination">Takes the values; exactly as long as they need.</param>
    /// <exception cref="ArgumentException">Nothing quantises to this type, it has no decoder, or the lengths do not fit together.</exception>
    public static void Dequantize(int ggmlType, ReadOnlySpan<byte> rows, Span<float> destination)
    {
        Require(ggmlType);
        var traits = GgmlNative.TypeTraits(ggmlType);
        if (traits->ToFloat is null || traits->IsQuantized == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ggmlType), ggmlType, "ggml decodes no blocks of this type.");
        }

        if (rows.Length % (long)traits->BlockBytes != 0 || destination.Length != rows.Length / (long)traits->BlockBytes * traits->BlockLength)
        {
            throw new ArgumentException($"{rows.Length} bytes of {TypeName(ggmlType)} do not decode to {destination.Length} values.", nameof(destination));
        }

        fixed (byte* from = rows)
        fixed (float* to = destination)
        {
            traits->ToFloat(from, to, destination.Length);
        }
    }

    /// <summary>Whether ggml finds the scales of quantised rows finite (ggml_validate_row_data).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Nothing quantises to this type.</exception>
    /// <exception cref="ArgumentException">The data is no whole number of blocks.</exception>
    public static bool Validate(int ggmlType, ReadOnlySpan<byte> rows)
    {
        Require(ggmlType);
        if (rows.Length % (int)GgmlNative.BlockBytes(ggmlType) != 0)
        {
            throw new ArgumentException($"{rows.Length} bytes are no whole number of {TypeName(ggmlType)} blocks.", nameof(rows));
        }

        fixed (byte* data = rows)
        {
            return GgmlNative.ValidateRows(ggmlType, data, (nuint)rows.Length) != 0;
        }
    }

    /// <summary>Narrows to IEEE half precision as ggml does.</summary>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static void ToHalf(ReadOnlySpan<float> source, Span<Half> destination)
    {
        RequireRuntime();
        RequireSame(source.Length, destination.Length);
        fixed (float* from = source)
        fixed (Half* to = destination)
        {
            GgmlNative.SingleToHalf(from, (ushort*)to, source.Length);
        }
    }

    /// <summary>Narrows to bfloat16 bits as ggml does.</summary>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static void ToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        RequireRuntime();
        RequireSame(source.Length, destination.Length);
        fixed (float* from = source)
        fixed (ushort* to = destination)
        {
            GgmlNative.SingleToBFloat16(from, to, source.Length);
        }
    }

    /// <summary>Widens half precision as ggml does.</summary>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static void ToSingle(ReadOnlySpan<Half> source, Span<float> destination)
    {
        RequireRuntime();
        RequireSame(source.Length, destination.Length);
        fixed (Half* from = source)
        fixed (float* to = destination)
        {
            GgmlNative.HalfToSingle((ushort*)from, to, source.Length);
        }
    }

    /// <summary>Widens bfloat16 bits as ggml does.</summary>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static void ToSingle(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        RequireRuntime();
        RequireSame(source.Length, destination.Length);
        fixed (ushort* from = source)
        fixed (float* to = destination)
        {
            GgmlNative.BFloat16ToSingle(from, to, source.Length);
        }
    }

    private static void RequireRuntime() => LlamaRuntime.Load();

    private static void Require(int ggmlType)
    {
        if (!Supports(ggmlType))
        {
            throw new ArgumentOutOfRangeException(nameof(ggmlType), ggmlType, "ggml quantises nothing to this type.");
        }

        RequireRuntime();
    }

    private static void RequireSame(int source, int destination)
    {
        if (source != destination)
        {
            throw new ArgumentException($"{source} values do not fit a destination of {destination}.", nameof(destination));
        }
    }

    private static void RequireFinite(ReadOnlySpan<float> values)
    {
        // A value times zero is zero unless it is NaN or infinite, and NaN stays in the sum.
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var sum = Vector<float>.Zero;
        foreach (var vector in vectors)
        {
            sum += vector * Vector<float>.Zero;
        }

        var tail = 0f;
        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
        {
            tail += value * 0f;
        }

        if (!(Vector.Sum(sum) + tail == 0))
        {
            throw new ArgumentException("A value is NaN or infinite.", nameof(values));
        }
    }

    private static void RequireGridRange(int ggmlType, ReadOnlySpan<float> source, ReadOnlySpan<float> importance)
    {
        var largest = LargestMagnitude(source);
        if (largest > LargestValue(ggmlType, importance))
        {
            throw new ArgumentException($"The value {largest} is too large for this type, or its importance is.", nameof(source));
        }
    }

    private static double LargestMagnitude(ReadOnlySpan<float> values)
    {
        var largest = 0f;
        foreach (var value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }

    private static void RequireWeights(ReadOnlySpan<float> importance)
    {
        foreach (var weight in importance)
        {
            if (!(weight >= 0 && weight <= float.MaxValue))
            {
                throw new ArgumentException($"The importance {weight} is not a finite number of 0 or more.", nameof(importance));
            }
        }
    }
}
