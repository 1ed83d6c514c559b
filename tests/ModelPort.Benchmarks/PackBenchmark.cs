using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>pack</c>: the life of a model that is larger than the gallery takes, with figures: ported, packed into parts, restored into an empty folder by one reference, built, verified and loaded by llama.cpp. Packing is
/// compared with <c>zip -1</c> of the same files. The checkpoint may be one that <c>synthesise</c> made.
/// </summary>
internal static class PackBenchmark
{
    private const string Version = "0.0.0-benchmark";

    internal static Command Command()
    {
        var source = new Argument<string>("source") { Description = "The checkpoint." };
        var precision = new Option<string>("--precision") { Description = "The precision.", DefaultValueFactory = _ => "Q8_0" };
        var size = new Option<string>("--max-package-size") { Description = "The largest package.", DefaultValueFactory = _ => "250MB" };
        var threads = new Option<int>("--threads") { Description = "Threads of port and measurement.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var command = new Command("pack", "Packs a model into parts, restores, builds and loads it; says sizes, times and memory.") { source, precision, size, threads };
        command.SetAction(parsed =>
        {
            string root = Directory.CreateTempSubdirectory("modelport-pack-").FullName;
            try
            {
                Run(root, Path.GetFullPath(parsed.GetValue(source)!), parsed.GetValue(precision)!, parsed.GetValue(size)!, parsed.GetValue(threads));
                return 0;
            }
            finally
            {
                Directory.Delete(root, recursive: true);
            }
        });
        return command;
    }

    private static void Run(string root, string source, string precision, string size, int threads)
    {
        string feed = Path.Combine(root, "feed");
        foreach (string project in new[] { "ModelPort.Build", "ModelPort.Runtime" })
        {
            _ = DotNet(Repository.Root, null, "pack", Path.Combine("src", project), "-o", feed, "-v", "quiet", $"-p:PackageVersion={Version}");
        }

        File.WriteAllText(Path.Combine(root, "nuget.config"), $"""<configuration><packageSources><add key="benchmark" value="{feed}" /></packageSources></configuration>""");
        string model = Directory.CreateDirectory(Path.Combine(root, "Model")).FullName;
        File.WriteAllText(Path.Combine(model, "Model.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <PackageId>Acme.Big</PackageId>
                <IncludeBuildOutput>false</IncludeBuildOutput>
                <EnableDefaultItems>false</EnableDefaultItems>
                <NoWarn>$(NoWarn);NU5128</NoWarn>
                <ModelPortMaxPackageSize>{size}</ModelPortMaxPackageSize>
                <ModelPortThreads>{threads}</ModelPortThreads>
                <ModelPortCacheDirectory>none</ModelPortCacheDirectory>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="ModelPort.Build" Version="{Version}" PrivateAssets="all" />
                <!-- Of random weights the numbers mean nothing: what is packed has to be measured, and no more. -->
                <ModelPort Include="{source}" Name="big" Precision="{precision}" EvaluationTokens="256" EvaluationWindow="32" Continuations="0" MaxPerplexityIncrease="1000" MaxMeanDivergence="10" MinTopTokenAgreement="0" MinTokenizerAgreement="0" />
              </ItemGroup>
            </Project>
            """);
        string packages = Path.Combine(root, "packages");
        string released = Path.Combine(root, "released");
        Report("restore of the model's project", DotNet(model, packages, "restore", "-v:q"));
        Report("port and measurement", DotNet(model, packages, "build", "--no-restore", "-v:q", "-c", "Release"));
        Report("dotnet pack", DotNet(model, packages, "pack", "--no-build", "-v:q", "-o", released));
        FileInfo[] made = [.. new DirectoryInfo(released).GetFiles().OrderBy(f => f.Name, StringComparer.Ordinal)];
        foreach (FileInfo file in made)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {file.Name}: {file.Length} bytes"));
        }

        string[] files = Directory.GetFiles(Path.Combine(model, "obj", "modelport", "big"), "*.gguf");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {made.Length} packages, {Sizes.Bytes(made.Sum(f => f.Length))}, of {files.Length} files, {Sizes.Bytes(files.Sum(f => new FileInfo(f).Length))}"));
        Report("zip -1 of the same files", Process("zip", root, null, ["-1", "-q", "-j", Path.Combine(root, "same.zip"), .. files]));
        Report("dotnet pack with nothing to do", DotNet(model, packages, "pack", "--no-build", "-v:q", "-o", released));
        foreach (FileInfo file in made)
        {
            file.MoveTo(Path.Combine(feed, file.Name));
        }

        Consume(root);
    }

    private static void Consume(string root)
    {
        string packages = Path.Combine(root, "empty");
        string folder = Directory.CreateDirectory(Path.Combine(root, "App")).FullName;
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "System.Console.WriteLine(ModelPort.Runtime.PortedModels.Get(\"big\").File().VerifiedPath());");
        File.WriteAllText(Path.Combine(folder, "App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType></PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Acme.Big" Version="1.0.0" />
                <PackageReference Include="ModelPort.Runtime" Version="{Version}" />
              </ItemGroup>
            </Project>
            """);
        Report("restore into an empty folder", DotNet(folder, packages, "restore", "-v:q"));
        Report("first build of the application", DotNet(folder, packages, "build", "--no-restore", "-v:q"));
        Report("second build", DotNet(folder, packages, "build", "--no-restore", "-v:q"));
        Measured run = DotNet(folder, packages, Path.Combine(folder, "bin", "Debug", "net10.0", "App.dll"));
        Report("first run, which verifies all files", run);
        long began = Stopwatch.GetTimestamp();
        using LlamaModel model = LlamaModel.Load(LlamaRuntime.Load(), run.Output.Trim());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"llama.cpp loaded {Path.GetFileName(model.Path)}: {model.ParameterCount} parameters, {Sizes.Bytes(model.SizeBytes)} of tensors, in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s"));
    }

    private static void Report(string what, Measured measured) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{what}: {measured.Seconds:F1} s, peak of all processes {measured.Peak / 1e6:F0} MB"));

    private static Measured DotNet(string folder, string? packages, params string[] arguments) => Process("dotnet", folder, packages, arguments);

    private static Measured Process(string program, string folder, string? packages, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        if (packages is not null)
        {
            start.Environment["NUGET_PACKAGES"] = packages;
        }

        long began = Stopwatch.GetTimestamp();
        using Process process = System.Diagnostics.Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        long peak = 0;
        while (!process.WaitForExit(100))
        {
            peak = Math.Max(peak, ResidentOf(process.Id));
        }

        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return process.ExitCode == 0 ? new Measured(seconds, peak, output.Result) : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output.Result}");
    }

    /// <summary>What a process and all that it started hold at this moment; a page that several share counts once, a part for each (Pss of smaps_rollup).</summary>
    private static long ResidentOf(int root)
    {
        var parents = new Dictionary<int, int>();
        var resident = new Dictionary<int, long>();
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Status(folder) is { } status)
            {
                (parents[id], resident[id]) = status;
            }
        }

        return resident.Where(r => Descends(r.Key)).Sum(r => r.Value);

        bool Descends(int id)
        {
            while (id != root && parents.TryGetValue(id, out int parent))
            {
                id = parent;
            }

            return id == root;
        }
    }

    private static (int Parent, long Resident)? Status(string folder)
    {
        try
        {
            string[] lines = [.. File.ReadLines(Path.Combine(folder, "status")), .. File.ReadLines(Path.Combine(folder, "smaps_rollup"))];
            long Number(string key) => lines.FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) is { } line ? long.Parse(line[key.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) : 0;
            return ((int)Number("PPid:"), Number("Pss:") * 1024);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile.
            return null;
        }
    }

    private sealed record Measured(double Seconds, long Peak, string Output);
}
