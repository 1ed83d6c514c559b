using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Porting;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>onnx-large</c>: ports of a model of more than 2 GB, beside reading its bytes and writing as many as the port has, flushed as the port is. Each is
/// a process of its own, and they take turns. A model of a quarter of the size shows what memory follows.
/// </summary>
internal static class OnnxLargeBenchmark
{
    private const int CopyBytes = 1 << 20;
    private const string Copy = "copy";

    internal static Command Command()
    {
        var output = new Option<string>("--output") { Description = "Where model and ports go, on the disk to measure; twice the model's size must be free.", Required = true };
        var layers = new Option<int>("--layers") { Description = "Matrix products of 67 MB each; a quarter of them is measured too.", DefaultValueFactory = _ => 36 };
        var precisions = new Option<string>("--precision") { Description = "Precisions, each measured alone.", DefaultValueFactory = _ => "FP16;INT8-Weight" };
        var rounds = new Option<int>("--rounds") { Description = "Alternating measurements.", DefaultValueFactory = _ => 3 };
        var once = new Option<string?>("--once") { Description = $"One measurement: {Copy} and the bytes to write, or a precision." };
        var command = new Command("onnx-large", "Ports of a model over 2 GB, against copying the bytes.") { output, layers, precisions, rounds, once };
        command.SetAction(parsed =>
        {
            string folder = Path.GetFullPath(parsed.GetValue(output)!);
            if (parsed.GetValue(once) is { } what)
            {
                OwnProcess.Measure(() => CarryOut(what, folder));
                return 0;
            }

            Console.WriteLine("source     precision     output  copy, s  port, s  speed of the port  processor, s  peak memory  of the copy");
            foreach (int each in new[] { parsed.GetValue(layers) / 4, parsed.GetValue(layers) })
            {
                Directory.CreateDirectory(folder);
                using (var model = SyntheticOnnx.Stack(each))
                {
                    model.Save(SourceOf(folder), "large.data");
                }

                foreach (string precision in parsed.GetValue(precisions)!.Split(';'))
                {
                    Compare(folder, precision, parsed.GetValue(rounds));
                }

                Directory.Delete(folder, recursive: true);
            }

            return 0;
        });
        return command;
    }

    private static string SourceOf(string folder) => Path.Combine(folder, "large.onnx");

    private static string[] FilesOf(string folder) => [SourceOf(folder), Path.Combine(folder, "large.data")];

    private static string PortOf(string folder) => Path.Combine(folder, "port");

    private static void Compare(string folder, string precision, int rounds)
    {
        var (copies, ports) = (new List<ProcessFigures>(), new List<ProcessFigures>());
        long written = 0;
        for (int round = 0; round < rounds; round++)
        {
            ports.Add(OwnProcess.Run("onnx-large", "--output", folder, "--once", precision));
            written = Directory.GetFiles(PortOf(folder), "large-*").Sum(f => new FileInfo(f).Length);
            Directory.Delete(PortOf(folder), recursive: true);
            copies.Add(OwnProcess.Run("onnx-large", "--output", folder, "--once", string.Create(CultureInfo.InvariantCulture, $"{Copy} {written}")));
            File.Delete(Path.Combine(folder, Copy));
        }

        double ratio = Sample.Median([.. copies.Zip(ports, (c, p) => c.Seconds / p.Seconds)]);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Sizes.Bytes(FilesOf(folder).Sum(f => new FileInfo(f).Length)),-9}  {precision,-12} {Sizes.Bytes(written),7}  {Sample.Median([.. copies.Select(c => c.Seconds)]),7:0.00}  {Sample.Median([.. ports.Select(p => p.Seconds)]),7:0.00}  {ratio,12:0 %} of it  {Sample.Median([.. ports.Select(p => p.Processor)]),12:0.00}  {Sizes.Bytes(ports.Max(p => p.PeakMemory)),11}  {Sizes.Bytes(copies.Max(c => c.PeakMemory)),11}"));
    }

    private static void CarryOut(string what, string folder)
    {
        if (what.Split(' ') is [Copy, var bytes])
        {
            CopyBytesOf(folder, long.Parse(bytes, CultureInfo.InvariantCulture));
            return;
        }

        var request = PortRequest.Parse(
            SourceOf(folder),
            PortOf(folder),
            new Dictionary<string, string> { ["Precision"] = what },
            new Dictionary<string, string> { ["Parity"] = "off", ["CacheDirectory"] = "none" },
            "");
        PortPipeline.Run(request, new QuietObserver(), CancellationToken.None);
    }

    private static void CopyBytesOf(string folder, long bytes)
    {
        using var file = OutputFile.Create(Path.Combine(folder, Copy), bytes);
        var buffer = new byte[CopyBytes];
        long written = 0;
        foreach (string path in FilesOf(folder).Reverse())
        {
            using var source = File.OpenHandle(path, options: FileOptions.SequentialScan);
            int count;
            for (long read = 0; (count = RandomAccess.Read(source, buffer, read)) > 0; read += count)
            {
                int wanted = (int)Math.Min(count, bytes - written);
                file.Write(buffer.AsSpan(0, wanted), written);
                written += wanted;
            }
        }

        file.Commit();
    }
}
