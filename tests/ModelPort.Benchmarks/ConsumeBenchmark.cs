using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Xml.Linq;
using ModelPort.Diagnostics;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>consume</c>: what a model package costs the application that references it, from an empty package folder: restore, the first build (which proves every file and copies it), a build with
/// nothing to do, the first build with hard links, publish. Packages that it depends on are taken from the folder that it lies in.
/// </summary>
internal static class ConsumeBenchmark
{
    internal static Command Command()
    {
        var package = new Argument<string>("package") { Description = "A model package (.nupkg)." };
        var scratch = new Option<string>("--scratch") { Description = "Where packages are restored to and the application is built; needs room for four times the models.", DefaultValueFactory = _ => Path.GetTempPath() };
        var rounds = new Option<int>("--rounds") { Description = "Rounds, each from nothing.", DefaultValueFactory = _ => 3 };
        var command = new Command("consume", "Restore, first build, second build and publish of an application that references a model package.") { package, scratch, rounds };
        command.SetAction(parsed => Run(Path.GetFullPath(parsed.GetValue(package)!), Path.GetFullPath(parsed.GetValue(scratch)!), parsed.GetValue(rounds)));
        return command;
    }

    private static void Run(string package, string scratch, int rounds)
    {
        (string id, string version) = Identity(package);
        string root = Path.Combine(scratch, "modelport-consume-" + Path.GetRandomFileName());
        try
        {
            Times[] times = [.. Enumerable.Range(0, rounds).Select(_ => Round(root, Path.GetDirectoryName(package)!, id, version))];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{id} {version}: {Sizes.Bytes(new FileInfo(package).Length)} packed, {Sizes.Bytes(times[0].Bytes)} beside the application; medians of {rounds} rounds, {Environment.ProcessorCount} processors"));
            Print("restore into an empty package folder", t => t.Restore);
            Print("first build: proves and copies", t => t.First);
            Print("build with nothing to do", t => t.Second);
            Print("first build with hard links", t => t.Linked);
            Print("publish after the build", t => t.Publish);

            void Print(string step, Func<Times, TimeSpan> time) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step + ":",-40}{Sample.Median([.. times.Select(t => time(t).TotalSeconds)]),8:0.00} s"));
        }
        finally
        {
            if (Directory.Exists(root))
            {
                Directory.Delete(root, recursive: true);
            }
        }
    }

    private static Times Round(string root, string feed, string id, string version)
    {
        if (Directory.Exists(root))
        {
            Directory.Delete(root, recursive: true);
        }

        string application = Directory.CreateDirectory(Path.Combine(root, "App")).FullName;
        foreach (string file in new[] { "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props" })
        {
            File.WriteAllText(Path.Combine(root, file), "<Project />");
        }

        File.WriteAllText(Path.Combine(root, "nuget.config"), $"""<configuration><packageSources><add key="benchmark" value="{feed}" /></packageSources></configuration>""");
        File.WriteAllText(Path.Combine(application, "Program.cs"), "System.Console.WriteLine(System.IO.Directory.GetFiles(System.AppContext.BaseDirectory + \"models\", \"*\", System.IO.SearchOption.AllDirectories).Length);");
        File.WriteAllText(Path.Combine(application, "App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType></PropertyGroup>
              <ItemGroup><PackageReference Include="{id}" Version="[{version}]" /></ItemGroup>
            </Project>
            """);
        string packages = Path.Combine(root, "packages");
        TimeSpan Step(params string[] arguments) => DotNet.Run(application, packages, [.. arguments, "-v:q", "-nologo"]);

        TimeSpan restore = Step("restore");
        TimeSpan first = Step("build", "--no-restore");
        TimeSpan second = Step("build", "--no-restore");
        long bytes = new DirectoryInfo(Path.Combine(application, "bin")).EnumerateFiles("*", SearchOption.AllDirectories).Where(f => f.FullName.Contains("models", StringComparison.Ordinal)).Sum(f => f.Length);
        TimeSpan publish = Step("publish", "--no-build", "-c", "Debug");

        // From nothing again, but for what restore made.
        Directory.Delete(Path.Combine(application, "bin"), recursive: true);
        Directory.Delete(Path.Combine(application, "obj", "Debug"), recursive: true);
        return new Times(bytes, restore, first, second, Step("build", "--no-restore", "-p:ModelPortUseHardLinks=true"), publish);
    }

    private static (string Id, string Version) Identity(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(package);
        using Stream stream = archive.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        XElement metadata = XDocument.Load(stream).Root!.Elements().Single(e => e.Name.LocalName == "metadata");
        string Value(string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;
        return (Value("id"), Value("version"));
    }

    private sealed record Times(long Bytes, TimeSpan Restore, TimeSpan First, TimeSpan Second, TimeSpan Linked, TimeSpan Publish);
}
