using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>Owns a llama_model.</summary>
internal sealed class LlamaModelHandle : SafeHandle
{
    public LlamaModelHandle(nint model)
        : base(0, ownsHandle: true) => SetHandle(model);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LlamaNative.ModelFree(handle);
        return true;
    }
}

/// <summary>Owns a llama_context and keeps alive what it points to, its model, its abort flag and its watch, whichever is disposed first.</summary>
internal sealed class LlamaContextHandle : SafeHandle
{
    private readonly LlamaModelHandle _model;
    private readonly NativeMemoryHandle _abort;
    private readonly ProductWatch? _watch;

    /// <summary>Takes over a context, the reference to its model that the caller has added, its abort flag and its watch.</summary>
    public LlamaContextHandle(nint context, LlamaModelHandle model, NativeMemoryHandle abort, ProductWatch? watch)
        : base(0, ownsHandle: true)
    {
        _model = model;
        _abort = abort;
        _watch = watch;
        SetHandle(context);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LlamaNative.ContextFree(handle);
        _model.DangerousRelease();
        _watch?.Dispose();
        _abort.Dispose();
        return true;
    }
}

/// <summary>Owns zeroed native memory.</summary>
internal sealed unsafe class NativeMemoryHandle : SafeHandle
{
    public NativeMemoryHandle(nuint bytes)
        : base(0, ownsHandle: true) => SetHandle((nint)NativeMemory.AllocZeroed(bytes));

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}

/// <summary>Keeps a handle open while it is used through a raw pointer.</summary>
internal readonly ref struct HandleLease
{
    private readonly SafeHandle _handle;

    /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
    public HandleLease(SafeHandle handle)
    {
        var added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    public nint Pointer => _handle.DangerousGetHandle();

    public void Dispose() => _handle.DangerousRelease();
}

/// <summary>Disposes what nobody has taken over.</summary>
internal sealed class Owned<T>(T value) : IDisposable
    where T : class, IDisposable
{
    private T? _value = value;

    public T Release()
    {
        var released = _value!;
        _value = null;
        return released;
    }

    public void Dispose() => _value?.Dispose();
}
