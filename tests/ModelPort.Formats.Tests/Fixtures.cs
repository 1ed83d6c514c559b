namespace ModelPort.Formats.Tests;

/// <summary>The checkpoints that are part of the repository.</summary>
internal static class Fixtures
{
    private static readonly string Root = FindRoot();

    public static string Sample(string file) => Path.Combine(Root, "samples", "models", "wordnet-llama", file);

    public static string Model(string model, string file) => Path.Combine(Root, "tests", "Fixtures", "models", model, file);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModelPort.Build.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside the repository.");
    }
}
