using System.Collections.Immutable;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Tests.Support;

/// <summary>The tensors of a safetensors file, to be changed and saved again.</summary>
internal sealed class TensorEdit
{
    private readonly List<Entry> _entries = [];

    public TensorEdit(string path)
    {
        using var file = SafetensorsFile.Open(path);
        foreach (var tensor in file.Tensors)
        {
            var bytes = new byte[tensor.ByteLength];
            file.Read(tensor, 0, bytes);
            _entries.Add(new Entry(tensor.Name, tensor.Type, tensor.Shape, bytes));
        }
    }

    private TensorEdit(IEnumerable<Entry> entries) => _entries.AddRange(entries);

    public IEnumerable<string> Names => _entries.Select(e => e.Name);

    public Entry this[string name] => _entries.Single(e => e.Name == name);

    public TensorEdit Remove(string name)
    {
        _entries.Remove(this[name]);
        return this;
    }

    public TensorEdit Add(string name, SafetensorsType type, ImmutableArray<long> shape, byte[] bytes)
    {
        _entries.Add(new Entry(name, type, shape, bytes));
        return this;
    }

    public TensorEdit Change(string name, Func<Entry, Entry> change)
    {
        _entries[_entries.IndexOf(this[name])] = change(this[name]);
        return this;
    }

    /// <summary>Puts a value of two bytes (BF16 or F16) at an element.</summary>
    public TensorEdit Poke(string name, int element, ushort bits)
    {
        BitConverter.TryWriteBytes(this[name].Bytes.AsSpan(2 * element, 2), bits);
        return this;
    }

    /// <summary>The tensors whose names are chosen, as another file.</summary>
    public TensorEdit Where(Func<string, bool> chosen) => new(_entries.Where(e => chosen(e.Name)));

    public void Save(string path)
    {
        using var writer = SafetensorsWriter.Create(path, _entries.Select(e => (e.Name, e.Type, e.Shape)));
        foreach (var entry in _entries)
        {
            writer.Write(entry.Name, entry.Bytes);
        }
    }

    internal sealed record Entry(string Name, SafetensorsType Type, ImmutableArray<long> Shape, byte[] Bytes);
}
