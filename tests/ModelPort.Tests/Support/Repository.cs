namespace ModelPort.Tests.Support;

/// <summary>Paths of the repository's models and fixtures.</summary>
internal static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The checkpoints with golden files of the reference converter and logits of PyTorch.</summary>
    public static IReadOnlyList<string> Fixtures { get; } = ["wordnet-llama-v1", "llama3-rope", "mistral-spm", "qwen2", "qwen3", "mixtral-moe"];

    /// <summary>The sample checkpoint.</summary>
    public static string Sample => Path.Combine(Root, "samples", "models", "wordnet-llama");

    /// <summary>The folder of a fixture.</summary>
    public static string Fixture(string name) => Path.Combine(Root, "tests", "Fixtures", "models", name);

    /// <summary>The checkpoint of a fixture; that of wordnet-llama-v1 is the sample.</summary>
    public static string Checkpoint(string name) => name == "wordnet-llama-v1" ? Sample : Fixture(name);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModelPort.Build.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("No folder above the tests holds ModelPort.Build.sln.");
    }
}
