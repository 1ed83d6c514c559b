using ModelPort.Calibration;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>The files of one output while they are written: one, or the shards. Says where each tensor's bytes belong, and how far all is written.</summary>
public sealed class OutputFiles : IDisposable
{
    private readonly int[] _fileOf;

    private OutputFiles(OutputPlan plan, Func<FilePlan, OutputFile> open)
    {
        Plan = plan;
        _fileOf = [.. plan.Files.SelectMany((f, i) => Enumerable.Repeat(i, f.Layout.Tensors.Length))];
        var files = new List<OutputFile>(plan.Files.Count);
        Files = files;
        try
        {
            files.AddRange(plan.Files.Select(open));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is written.</summary>
    public OutputPlan Plan { get; }

    /// <summary>The files, in the order of the plan's.</summary>
    public IReadOnlyList<OutputFile> Files { get; }

    /// <summary>The path that llama.cpp is given while the files have their temporary names.</summary>
    public string TemporaryPath => Files[0].TemporaryPath;

    /// <summary>How many of the bytes were found written, up to the first file that is not whole.</summary>
    internal long Recovered
    {
        get
        {
            var whole = Files.Zip(Plan.Files).TakeWhile(f => f.First.Recovered == f.Second.Layout.FileLength).Count();
            return Files.Take(whole + 1).Sum(f => f.Recovered);
        }
    }

    /// <summary>Creates the temporary files and reserves their space.</summary>
    /// <param name="plan">What is written.</param>
    /// <param name="folder">Where the files will be.</param>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public static OutputFiles Create(OutputPlan plan, string folder) => new(plan, f => OutputFile.Create(Path.Combine(folder, f.Name), f.Layout.FileLength, GroupOf(plan)));

    /// <summary>Creates the file for an output that will only be read under its temporary name, and never kept.</summary>
    /// <param name="plan">What is written, as one file.</param>
    /// <param name="folder">Beside what it lies.</param>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public static OutputFiles CreateScratch(OutputPlan plan, string folder) => new(plan, f => OutputFile.CreateScratch(Path.Combine(folder, f.Name), f.Layout.FileLength));

    /// <summary>Opens what a killed run left of the files, or creates them. Only the holder of the folder's lock may call it.</summary>
    /// <param name="plan">What is written.</param>
    /// <param name="folder">Where the files will be.</param>
    /// <param name="isScratch">Whether they will only be read under their temporary names, and never kept.</param>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public static OutputFiles Continue(OutputPlan plan, string folder, bool isScratch = false) =>
        new(plan, f => OutputFile.Continue(Path.Combine(folder, f.Name), f.Layout.FileLength, isScratch, GroupOf(plan)));

    /// <summary>The folder, beside the files, that holds those of a set under their own names until all are whole: llama.cpp finds shards by their names. Null for a single file.</summary>
    internal static string? GroupOf(OutputPlan plan) => plan.Files.Count == 1 ? null : plan.FileName;

    /// <summary>What has to be done to find out how much is written already; see <see cref="OutputFile.Recover"/>.</summary>
    internal IEnumerable<Action> Recovery(PortPlan plan, Importance? importance, CancellationToken cancellation) =>
        Files.Zip(Plan.Files, (file, of) => (Action)(() => file.Recover(ResumeKey.OfFile(plan, of.Layout, importance), cancellation)));

    /// <summary>Writes headers and the zeros between tensors, where they are not written yet.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    internal void WriteHeaders()
    {
        foreach (var (file, plan) in Files.Zip(Plan.Files).Where(f => f.First.Recovered < f.Second.Layout.FileLength))
        {
            WriteHeader(file, plan.Layout);
        }
    }

    /// <summary>Writes bytes of a tensor; several threads may write at once.</summary>
    /// <param name="tensor">Its index in the plan.</param>
    /// <param name="offset">Where they begin in the tensor.</param>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    internal void Write(int tensor, long offset, ReadOnlySpan<byte> bytes)
    {
        var (file, start) = Place(tensor);
        file.Write(bytes, start + offset);
    }

    /// <summary>The file that holds a tensor.</summary>
    internal OutputFile FileOf(int tensor) => Files[_fileOf[tensor]];

    /// <summary>Whether the bytes of a tensor up to a place were found written.</summary>
    internal bool Has(int tensor, long end)
    {
        var (file, start) = Place(tensor);
        return start + end <= file.Recovered;
    }

    /// <summary>Says that all tensors before one, and its bytes up to a place, are written.</summary>
    /// <param name="tensor">Its index in the plan.</param>
    /// <param name="end">The place in it.</param>
    /// <param name="cancellation">Stops the hashing.</param>
    /// <exception cref="ModelPortException">MP2001: a file cannot be read back.</exception>
    internal void Settle(int tensor, long end, CancellationToken cancellation)
    {
        for (var i = 0; i < _fileOf[tensor]; i++)
        {
            Files[i].Settle(Plan.Files[i].Layout.FileLength, cancellation);
        }

        var (file, start) = Place(tensor);
        file.Settle(start + end, cancellation);
    }

    /// <summary>What is left to hash of each file when all is written.</summary>
    internal IEnumerable<Action> Rest(CancellationToken cancellation) =>
        Files.Zip(Plan.Files, (file, of) => (Action)(() => file.Settle(of.Layout.FileLength, cancellation)));

    /// <summary>Deletes the temporary files unless they were committed.</summary>
    public void Dispose()
    {
        foreach (var file in Files)
        {
            file.Dispose();
        }
    }

    private (OutputFile File, long Start) Place(int tensor)
    {
        var file = Plan.Files[_fileOf[tensor]];
        return (Files[_fileOf[tensor]], file.Layout.DataOffset + file.Layout.Tensors[tensor - file.FirstTensor].Offset);
    }

    private static void WriteHeader(OutputFile file, GgufLayout layout)
    {
        using var header = new MemoryStream();
        layout.WriteHeader(header);
        file.Write(header.GetBuffer().AsSpan(0, (int)header.Length), 0);
        Span<byte> zeros = stackalloc byte[layout.Alignment];
        zeros.Clear();
        foreach (var tensor in layout.Tensors)
        {
            var end = tensor.Offset + tensor.ByteLength;
            var padding = (int)(-end & (layout.Alignment - 1));
            file.Write(zeros[..padding], layout.DataOffset + end);
        }
    }
}
