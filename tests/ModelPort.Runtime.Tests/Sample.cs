using ModelPort.Diagnostics;
using ModelPort.Planning;
using ModelPort.Runtime.Tests;

[assembly: AssemblyFixture(typeof(Sample))]

namespace ModelPort.Runtime.Tests;

/// <summary>The sample checkpoint, really ported and measured, in a folder of models as it lies beside an application.</summary>
public sealed class Sample : IDisposable
{
    public Sample()
    {
        Models = Directory.CreateTempSubdirectory("modelport-runtime-").FullName;
        Folder = Path.Combine(Models, "wordnet-llama");
        PortPipeline.Run(
            new PortRequest
            {
                Source = Path.Combine(Root(), "samples", "models", "wordnet-llama"),
                Name = "wordnet-llama",
                OutputDirectory = Folder,
                Checkpoint = new CheckpointOptions
                {
                    Precisions = Precision.ParseList("Q8_0;Q4_K_M", ""),
                    EvaluationTokens = 1024,
                    EvaluationWindow = 128,
                    Continuations = 0,
                },
                Threads = 1,
            },
            new QuietObserver(),
            CancellationToken.None);
        Environment.SetEnvironmentVariable(PortedModels.FolderVariable, Models);
        ContentCheck.MemoryFolder = Path.Combine(Models, ".memory");
    }

    public string Models { get; }

    public string Folder { get; }

    public void Dispose() => Directory.Delete(Models, recursive: true);

    /// <summary>A copy of the model under another name, which a test may damage; old enough that what is remembered of it counts.</summary>
    public string Copy(string name)
    {
        string copy = Directory.CreateDirectory(Path.Combine(Models, name)).FullName;
        foreach (string file in Directory.GetFiles(Folder))
        {
            string to = Path.Combine(copy, Path.GetFileName(file));
            File.Copy(file, to, overwrite: true);
            File.SetLastWriteTimeUtc(to, DateTime.UtcNow.AddHours(-1));
        }

        return copy;
    }

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModelPort.Build.sln")))
        {
            folder = folder.Parent;
        }

        return folder!.FullName;
    }
}
