using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>
/// Stands between the evaluation's callback and an observer: picks the products of weights out of all graph nodes, as llama-imatrix does
/// (tools/imatrix/imatrix.cpp), and carries exceptions out of native code. The CPU back-ends alone are loaded, so that data lie in this process's memory.
/// </summary>
internal sealed unsafe class ProductWatch : IDisposable
{
    // Of fewer rows than a prompt has llama-imatrix takes no notice.
    private const int FewestRows = 16;

    private readonly ILlamaProductObserver _observer;
    private readonly TensorGuard _operations;
    private readonly byte* _abort;
    private GCHandle _self;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Watches for an observer.</summary>
    /// <param name="observer">Who wants to see products.</param>
    /// <param name="operations">Numbers of the operations.</param>
    /// <param name="abort">The flag that stops the evaluation.</param>
    public ProductWatch(ILlamaProductObserver observer, TensorGuard operations, byte* abort)
    {
        _observer = observer;
        _operations = operations;
        _abort = abort;
        _self = GCHandle.Alloc(this);
    }

    /// <summary>Puts the callback into the parameters of a context.</summary>
    public void Attach(ref LlamaContextParams parameters)
    {
        parameters.Evaluation = &OnNode;
        parameters.EvaluationData = (void*)GCHandle.ToIntPtr(_self);
    }

    /// <summary>Throws what the observer threw during the last evaluation.</summary>
    public void ThrowIfFailed()
    {
        var failure = _failure;
        _failure = null;
        failure?.Throw();
    }

    public void Dispose() => _self.Free();

    // Asked of each node before it is computed whether it is wanted, and told of each wanted one afterwards.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte OnNode(void* node, byte ask, void* data)
    {
        var watch = (ProductWatch)GCHandle.FromIntPtr((nint)data).Target!;
        try
        {
            return (byte)((ask != 0 ? watch.Wants((GgmlTensor*)node) : watch.Show((GgmlTensor*)node)) ? 1 : 0);
        }
        catch (Exception error)
        {
            // An exception must not unwind into native frames; it is thrown once they have returned.
            watch._failure = ExceptionDispatchInfo.Capture(error);
            Volatile.Write(ref *watch._abort, 1);
            return 0;
        }
    }

    private bool Wants(GgmlTensor* node)
    {
        if (_failure is not null)
        {
            return false;
        }

        if (node->Operation == _operations.Lookup)
        {
            return node->Type == GgmlTensor.F32 && _observer.WantsLookups(NameOf(node->Source(0)));
        }

        if (node->Operation != _operations.Product && node->Operation != _operations.RoutedProduct)
        {
            return false;
        }

        var inputs = node->Source(1);
        var isPlain = inputs->Type == GgmlTensor.F32 && inputs->Strides[0] == sizeof(float);
        return isPlain && (node->Operation == _operations.RoutedProduct || inputs->Shape[1] >= FewestRows) && _observer.Wants(NameOf(node->Source(0)));
    }

    private bool Show(GgmlTensor* node)
    {
        _observer.Observe(new LlamaProduct(NameOf(node->Source(0)), node, _operations));
        return true;
    }

    // The scheduler names a copy "DEVICE#name#number".
    private static string NameOf(GgmlTensor* tensor)
    {
        var name = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(tensor->Name));
        var parts = name.Split('#', 3);
        return parts.Length == 1 ? name : parts[1];
    }
}
