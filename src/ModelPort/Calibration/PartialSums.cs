using System.Diagnostics;
using System.IO.Hashing;
using ModelPort.Porting;

namespace ModelPort.Calibration;

/// <summary>
/// The sums of an importance matrix over the chunks so far, in a file that outlives a kill: key, number of chunks, sums, and XxHash128 over all. Sums are
/// kept to the last bit, so that a matrix does not tell how often its run was broken off.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="key">Of the matrix.</param>
internal sealed class PartialSums(string path, string key)
{
    private const int HashBytes = 16;
    private const int LargestBytes = 1 << 30;

    private long _saved = Stopwatch.GetTimestamp();

    /// <summary>How long the sums of a killed run may be lost.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Gives a collector the sums of a run that was broken off.</summary>
    /// <returns>The chunks that are in them; 0 where there are none.</returns>
    public int Load(ImportanceCollector collector)
    {
        if (new FileInfo(path) is not { Exists: true, Length: > HashBytes and <= LargestBytes })
        {
            return 0;
        }

        var content = File.ReadAllBytes(path);
        var body = content.AsSpan(0, content.Length - HashBytes);
        if (!XxHash128.Hash(body).AsSpan().SequenceEqual(content.AsSpan(body.Length)))
        {
            return 0;
        }

        using var reader = new BinaryReader(new MemoryStream(content, 0, body.Length));
        if (reader.ReadString() != key)
        {
            return 0;
        }

        var chunks = reader.ReadInt32();
        collector.Load(reader);
        return chunks;
    }

    /// <summary>Keeps the sums of a collector, if it is time.</summary>
    /// <param name="collector">The collector.</param>
    /// <param name="chunks">The chunks that are in its sums.</param>
    /// <exception cref="Diagnostics.ModelPortException">MP2001, MP2002: they cannot be written.</exception>
    public void Save(ImportanceCollector collector, int chunks)
    {
        if (Stopwatch.GetElapsedTime(_saved) < Interval)
        {
            return;
        }

        using var content = new MemoryStream();
        using var writer = new BinaryWriter(content);
        writer.Write(key);
        writer.Write(chunks);
        collector.Save(writer);
        writer.Write(XxHash128.Hash(content.GetBuffer().AsSpan(0, (int)content.Length)));
        OutputFile.WriteAll(path, content.GetBuffer().AsSpan(0, (int)content.Length));
        _saved = Stopwatch.GetTimestamp();
    }
}
