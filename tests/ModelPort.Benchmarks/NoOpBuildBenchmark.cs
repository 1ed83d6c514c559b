using System.CommandLine;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>noop-build</c>: what a ModelPort item on a checkpoint of 8 GB costs a build that has nothing to do. Two projects that differ in the item alone are built in turn. The checkpoint is
/// the sample's, whose weights grow, sparse and with their old time, once they are ported: a check of what is stale goes by names and times, and 8 GB of real weights cost it no more.
/// </summary>
internal static class NoOpBuildBenchmark
{
    private const int AllowedMilliseconds = 50;
    private const long CheckpointBytes = 8_000_000_000;
    private const string Version = "0.0.0-benchmark";

    internal static Command Command()
    {
        var rounds = new Option<int>("--rounds") { Description = "Builds of each project.", DefaultValueFactory = _ => 21 };
        var command = new Command("noop-build", $"A build with nothing to do, with a ModelPort item against without; fails when the median of the differences of pairs is {AllowedMilliseconds} ms or more.") { rounds };
        command.SetAction(parsed => Run(parsed.GetValue(rounds)));
        return command;
    }

    private static int Run(int rounds)
    {
        string repository = Repository.Root;
        string root = Directory.CreateTempSubdirectory("modelport-noop-").FullName;
        try
        {
            string feed = Path.Combine(root, "feed");
            DotNet.Run(repository, null, "pack", Path.Combine("src", "ModelPort.Build"), "-o", feed, "-v", "quiet", $"-p:PackageVersion={Version}");
            File.WriteAllText(Path.Combine(root, "nuget.config"), $"""<configuration><packageSources><add key="benchmark" value="{feed}" /></packageSources></configuration>""");
            string checkpoint = Checkpoint(repository, root);
            string without = Project(root, "Without", "");
            string with = Project(root, "With", $"""
                <PackageReference Include="ModelPort.Build" Version="{Version}" PrivateAssets="all" />
                <ModelPort Include="{checkpoint}" Precision="Q8_0" />
                """);
            Grow(Path.Combine(checkpoint, "model.safetensors"));

            List<double> plain = [];
            List<double> ported = [];
            for (int round = 0; round < rounds; round++)
            {
                // Each goes first every other time.
                (string Folder, List<double> Times)[] pair = [(without, plain), (with, ported)];
                foreach ((string folder, List<double> times) in round % 2 == 0 ? pair : pair.Reverse())
                {
                    times.Add(Build(root, folder).TotalMilliseconds);
                }
            }

            // It would fail if anything were stale.
            DotNet.Run(with, Path.Combine(root, "packages"), "build", "--no-restore", "-v:q", "-nologo", "-question");
            double difference = Sample.Median([.. ported.Zip(plain, (one, other) => one - other)]);
            Console.WriteLine($"without an item: median {Sample.Median(plain):F0} ms, least {plain.Min():F0} ms");
            Console.WriteLine($"with an item:    median {Sample.Median(ported):F0} ms, least {ported.Min():F0} ms");
            Console.WriteLine($"difference:      median of pairs {difference:F0} ms, of the least {ported.Min() - plain.Min():F0} ms, of {rounds} builds each; allowed: under {AllowedMilliseconds} ms");
            return difference < AllowedMilliseconds ? 0 : 1;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static string Checkpoint(string repository, string root)
    {
        string checkpoint = Directory.CreateDirectory(Path.Combine(root, "checkpoint")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(repository, "samples", "models", "wordnet-llama")))
        {
            File.Copy(file, Path.Combine(checkpoint, Path.GetFileName(file)));
        }

        return checkpoint;
    }

    private static void Grow(string weights)
    {
        DateTime time = File.GetLastWriteTimeUtc(weights);
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(CheckpointBytes);
        }

        File.SetLastWriteTimeUtc(weights, time);
    }

    private static string Project(string root, string name, string items)
    {
        string folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "System.Console.WriteLine();");
        File.WriteAllText(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType></PropertyGroup>
              <ItemGroup>{items}</ItemGroup>
            </Project>
            """);
        string packages = Path.Combine(root, "packages");
        DotNet.Run(folder, packages, "restore", "-v:q");
        Build(root, folder);
        Build(root, folder);
        return folder;
    }

    private static TimeSpan Build(string root, string folder) => DotNet.Run(folder, Path.Combine(root, "packages"), "build", "--no-restore", "-v:q", "-nologo");
}
