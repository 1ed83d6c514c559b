using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>Proves the layout of <see cref="GgmlTensor"/> on two small products and a lookup that the library itself makes, and learns their operations' numbers.</summary>
/// <param name="Product">The number of a product of matrices (GGML_OP_MUL_MAT).</param>
/// <param name="RoutedProduct">The number of a product with chosen experts (GGML_OP_MUL_MAT_ID).</param>
/// <param name="Lookup">The number of a choice of rows (GGML_OP_GET_ROWS).</param>
internal sealed unsafe record TensorGuard(int Product, int RoutedProduct, int Lookup)
{
    // struct ggml_object, which stands before every tensor.
    private const int ObjectBytes = 32;
    private const int Columns = 32;
    private const int Rows = 2;
    private const int Experts = 3;
    private const int Tokens = 5;

    /// <exception cref="EngineException">Something differs; the message says what.</exception>
    public static TensorGuard Check(LlamaLibraries libraries, LlamaPlatform platform)
    {
        Expect("ggml_tensor_overhead", (long)((delegate* unmanaged[Cdecl]<nuint>)Function("ggml_tensor_overhead"))(), ObjectBytes + sizeof(GgmlTensor));
        var context = ((delegate* unmanaged[Cdecl]<InitParameters, nint>)Function("ggml_init"))(new InitParameters { Bytes = 1 << 16 });
        try
        {
            var make = (delegate* unmanaged[Cdecl]<nint, int, long, long, long, GgmlTensor*>)Function("ggml_new_tensor_3d");
            var weights = make(context, GgmlTensor.F32, Columns, Rows, Experts);
            var inputs = make(context, GgmlTensor.F32, Columns, Tokens, Experts);
            var product = ((delegate* unmanaged[Cdecl]<nint, GgmlTensor*, GgmlTensor*, GgmlTensor*>)Function("ggml_mul_mat"))(context, weights, inputs);
            var chosen = make(context, GgmlTensor.I32, 1, Tokens, 1);
            var tokens = make(context, GgmlTensor.F32, Columns, 1, Tokens);
            var routed = ((delegate* unmanaged[Cdecl]<nint, GgmlTensor*, GgmlTensor*, GgmlTensor*, GgmlTensor*>)Function("ggml_mul_mat_id"))(context, weights, tokens, chosen);
            var ids = make(context, GgmlTensor.I32, Tokens, Experts, 1);
            var lookup = ((delegate* unmanaged[Cdecl]<nint, GgmlTensor*, GgmlTensor*, GgmlTensor*>)Function("ggml_get_rows"))(context, weights, ids);

            fixed (byte* name = "blk.0.probe"u8)
            {
                _ = ((delegate* unmanaged[Cdecl]<GgmlTensor*, byte*, GgmlTensor*>)Function("ggml_set_name"))(weights, name);
            }

            ExpectText("ggml_tensor.name", Marshal.PtrToStringUTF8((nint)weights->Name), "blk.0.probe");
            Expect("ggml_tensor.data", (long)weights->Data, (long)((delegate* unmanaged[Cdecl]<GgmlTensor*, byte*>)Function("ggml_get_data"))(weights));
            Expect("ggml_tensor.type", chosen->Type, GgmlTensor.I32);
            ReadOnlySpan<long> shape = [Columns, Rows, Experts, 1];
            ReadOnlySpan<long> strides = [sizeof(float), Columns * sizeof(float), Columns * Rows * sizeof(float), Columns * Rows * Experts * sizeof(float)];
            for (var i = 0; i < shape.Length; i++)
            {
                Expect($"ggml_tensor.ne[{i}]", weights->Shape[i], shape[i]);
                Expect($"ggml_tensor.nb[{i}]", (long)weights->Strides[i], strides[i]);
            }

            ReadOnlySpan<nint> sources = [(nint)product->Source(0), (nint)product->Source(1), (nint)product->Source(2), (nint)routed->Source(0), (nint)routed->Source(1), (nint)routed->Source(2), (nint)lookup->Source(0)];
            ReadOnlySpan<nint> expected = [(nint)weights, (nint)inputs, 0, (nint)weights, (nint)tokens, (nint)chosen, (nint)weights];
            Expect("ggml_tensor.src", sources.SequenceEqual(expected) ? 1 : 0, 1);
            ExpectText("ggml_tensor.op of ggml_mul_mat", NameOf(product->Operation), "MUL_MAT");
            ExpectText("ggml_tensor.op of ggml_mul_mat_id", NameOf(routed->Operation), "MUL_MAT_ID");
            ExpectText("ggml_tensor.op of ggml_get_rows", NameOf(lookup->Operation), "GET_ROWS");
            return new TensorGuard(product->Operation, routed->Operation, lookup->Operation);
        }
        finally
        {
            ((delegate* unmanaged[Cdecl]<nint, void>)Function("ggml_free"))(context);
        }

        nint Function(string name) => libraries.Export(LlamaLibraries.GgmlBase, name, platform);

        // An operation's number is an index into a table of names, which must not be left.
        string? NameOf(int operation) =>
            operation is > 0 and < 80 ? Marshal.PtrToStringUTF8((nint)((delegate* unmanaged[Cdecl]<int, byte*>)Function("ggml_op_name"))(operation)) : null;

        void Expect(string what, long found, long wanted) => ExpectText(what, found.ToString(System.Globalization.CultureInfo.InvariantCulture), wanted.ToString(System.Globalization.CultureInfo.InvariantCulture));

        void ExpectText(string what, string? found, string wanted)
        {
            if (found != wanted)
            {
                throw AbiGuard.Wrong(libraries, platform, LlamaLibraries.GgmlBase, $"{what} is '{found}'", $"'{wanted}'");
            }
        }
    }

    /// <summary>struct ggml_init_params.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InitParameters
    {
        public nuint Bytes;
        public nint Memory;
        public byte NoAllocation;
    }
}
