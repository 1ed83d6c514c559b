using System.Globalization;
using Microsoft.Win32.SafeHandles;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Porting;

/// <summary>
/// The values of an output's tensors in files of the store, which may have other headers and be cut elsewhere: types, order and alignment are those of the output,
/// as they are part of the key under which the record is.
/// </summary>
/// <param name="places">Where the values of each tensor are: the object, and where they begin in it.</param>
/// <param name="objects">The objects.</param>
internal sealed class StoredValues(IReadOnlyList<(int Object, long Offset)> places, IReadOnlyList<StoredObject> objects)
{
    private const int CopyBytes = 1 << 20;
    private const string ValueName = "places";

    /// <summary>The objects, in order.</summary>
    public IReadOnlyList<StoredObject> Objects => objects;

    /// <summary>The name of an output's file among the objects of a record.</summary>
    public static string ObjectName(int file) => string.Create(CultureInfo.InvariantCulture, $"file {file + 1}");

    /// <summary>The objects of a record that are files of an output, in order.</summary>
    public static IReadOnlyList<StoredObject> ObjectsOf(StoreRecord record) =>
        [.. Enumerable.Range(0, record.Objects.Count).Select(i => record.Objects.GetValueOrDefault(ObjectName(i))).TakeWhile(o => o is not null)!];

    /// <summary>What a record has to say of files, so that values can be found in them.</summary>
    /// <param name="layouts">The files' headers and places.</param>
    public static KeyValuePair<string, string> Describe(IEnumerable<GgufLayout> layouts) =>
        new(ValueName, string.Join(' ', layouts.Select(l => string.Create(CultureInfo.InvariantCulture, $"{l.DataOffset}:{l.Tensors.Length}"))));

    /// <summary>The values that a record has; null when it is not of the form that <see cref="Describe"/> writes, or does not fit.</summary>
    /// <param name="record">The record.</param>
    /// <param name="layout">All tensors, as in one file.</param>
    public static StoredValues? TryRead(StoreRecord record, GgufLayout layout)
    {
        var objects = ObjectsOf(record);
        string[] files = record.Values.GetValueOrDefault(ValueName, "").Split(' ');
        var places = new List<(int, long)>();
        if (files.Length != objects.Count)
        {
            return null;
        }

        for (var i = 0; i < files.Length; i++)
        {
            if (files[i].Split(':') is not [var start, var tensors]
                || !long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
                || !int.TryParse(tensors, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                || count > layout.Tensors.Length - places.Count)
            {
                return null;
            }

            for (var end = places.Count + count; places.Count < end;)
            {
                var padded = PaddedLength(layout, places.Count);
                places.Add((i, offset));
                offset += padded;
            }

            if (offset != objects[i].Bytes)
            {
                return null;
            }
        }

        return places.Count == layout.Tensors.Length ? new StoredValues(places, objects) : null;
    }

    /// <summary>Copies all values.</summary>
    /// <param name="paths">The objects' files.</param>
    /// <param name="output">Where they go; its headers are written already.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="IOException">An object cannot be read.</exception>
    /// <exception cref="ModelPortException">MP2001 or MP2002: the output cannot be written.</exception>
    public void CopyTo(IReadOnlyList<string> paths, OutputFiles output, IPortObserver observer, CancellationToken cancellation)
    {
        var buffer = new byte[CopyBytes];
        SafeFileHandle? file = null;
        long copied = 0;
        try
        {
            for (var i = 0; i < places.Count; i++)
            {
                if (i == 0 || places[i].Object != places[i - 1].Object)
                {
                    file?.Dispose();
                    file = File.OpenHandle(paths[places[i].Object], FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
                }

                var length = output.Plan.Layout.Tensors[i].ByteLength;
                for (long done = 0; done < length;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var count = RandomAccess.Read(file!, buffer.AsSpan(0, (int)Math.Min(CopyBytes, length - done)), places[i].Offset + done);
                    if (count == 0)
                    {
                        throw new EndOfStreamException();
                    }

                    output.Write(i, done, buffer.AsSpan(0, count));
                    done += count;
                    copied += count;
                    output.Settle(i, done, cancellation);
                    observer.Progress(new PortProgress("copy", copied, output.Plan.FileLength, output.Plan.FileName));
                }
            }
        }
        finally
        {
            file?.Dispose();
        }
    }

    private static long PaddedLength(GgufLayout layout, int tensor) =>
        (tensor + 1 < layout.Tensors.Length ? layout.Tensors[tensor + 1].Offset : layout.FileLength - layout.DataOffset) - layout.Tensors[tensor].Offset;
}
