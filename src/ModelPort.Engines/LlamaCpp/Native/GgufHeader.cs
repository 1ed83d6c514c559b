using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>A GGUF header as llama.cpp itself reads it, without tensor data.</summary>
internal sealed unsafe partial class GgufHeader : SafeHandle
{
    private const string Library = LlamaLibraries.GgmlBase;
    private const int String = 8;
    private const int Array = 9;

    private GgufHeader(nint header)
        : base(0, ownsHandle: true) => SetHandle(header);

    public override bool IsInvalid => handle == 0;

    /// <summary>Opens a header, or returns null where llama.cpp cannot read it; it logs why.</summary>
    public static GgufHeader? Open(byte[] terminatedPath)
    {
        fixed (byte* path = terminatedPath)
        {
            var header = InitFromFile(path, new InitParams { NoAllocation = 1 });
            return header == 0 ? null : new GgufHeader(header);
        }
    }

    /// <summary>A number of any integer or float type, or null.</summary>
    public double? Number(string key)
    {
        var id = Find(key);
        if (id < 0)
        {
            return null;
        }

        var type = KeyType(this, id);
        if (type is String or Array)
        {
            return null;
        }

        var data = ValueData(this, id);
        return type switch
        {
            0 or 7 => *(byte*)data,
            1 => *(sbyte*)data,
            2 => *(ushort*)data,
            3 => *(short*)data,
            4 => *(uint*)data,
            5 => *(int*)data,
            6 => *(float*)data,
            10 => *(ulong*)data,
            11 => *(long*)data,
            12 => *(double*)data,
            _ => null,
        };
    }

    /// <summary>A text, or null.</summary>
    public string? Text(string key)
    {
        var id = Find(key);
        return id >= 0 && KeyType(this, id) == String ? Marshal.PtrToStringUTF8((nint)ValueText(this, id)) : null;
    }

    /// <summary>An element that an array of texts holds twice, or null.</summary>
    public string? Repeated(string key)
    {
        var id = Find(key);
        if (id < 0 || KeyType(this, id) != Array || ArrayType(this, id) != String)
        {
            return null;
        }

        var count = (long)ArrayLength(this, id);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            // Bytes, not text: two tokens that are no UTF-8 may decode alike.
            var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(ArrayText(this, id, (nuint)i));
            var text = string.Create(bytes.Length, bytes, static (chars, source) =>
            {
                for (var c = 0; c < chars.Length; c++)
                {
                    chars[c] = (char)source[c];
                }
            });

            // llama.cpp gives every empty token a name of its own.
            if (text.Length > 0 && !seen.Add(text))
            {
                return System.Text.Encoding.UTF8.GetString(bytes);
            }
        }

        return null;
    }

    /// <summary>The row length of a tensor, or null.</summary>
    public long? RowLength(string tensor)
    {
        fixed (byte* name = NativeText.Terminated(tensor, nameof(tensor)))
        {
            var id = FindTensor(this, name);
            return id < 0 ? null : TensorShape(this, id)[0];
        }
    }

    protected override bool ReleaseHandle()
    {
        Free(handle);
        return true;
    }

    private long Find(string key)
    {
        fixed (byte* name = NativeText.Terminated(key, nameof(key)))
        {
            return FindKey(this, name);
        }
    }

    /// <summary>struct gguf_init_params, 16 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InitParams
    {
        public byte NoAllocation;
        public nint Context;
    }

    [LibraryImport(Library, EntryPoint = "gguf_init_from_file")]
    private static partial nint InitFromFile(byte* path, InitParams parameters);

    [LibraryImport(Library, EntryPoint = "gguf_free")]
    private static partial void Free(nint header);

    [LibraryImport(Library, EntryPoint = "gguf_find_key")]
    private static partial long FindKey(GgufHeader header, byte* key);

    [LibraryImport(Library, EntryPoint = "gguf_get_kv_type")]
    private static partial int KeyType(GgufHeader header, long id);

    [LibraryImport(Library, EntryPoint = "gguf_get_val_data")]
    private static partial void* ValueData(GgufHeader header, long id);

    [LibraryImport(Library, EntryPoint = "gguf_get_val_str")]
    private static partial byte* ValueText(GgufHeader header, long id);

    [LibraryImport(Library, EntryPoint = "gguf_get_arr_type")]
    private static partial int ArrayType(GgufHeader header, long id);

    [LibraryImport(Library, EntryPoint = "gguf_get_arr_n")]
    private static partial nuint ArrayLength(GgufHeader header, long id);

    [LibraryImport(Library, EntryPoint = "gguf_get_arr_str")]
    private static partial byte* ArrayText(GgufHeader header, long id, nuint index);

    [LibraryImport(Library, EntryPoint = "gguf_find_tensor")]
    private static partial long FindTensor(GgufHeader header, byte* name);

    [LibraryImport(Library, EntryPoint = "gguf_get_tensor_ne")]
    private static partial long* TensorShape(GgufHeader header, long id);
}
