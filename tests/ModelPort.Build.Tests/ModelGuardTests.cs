using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>What the build of an application sees to: that its model is the one of the version that is referenced, there once, undamaged, and allowed.</summary>
public sealed class ModelGuardTests(PackedRepository repository)
{
    private readonly ModelRelease _release = repository.Release;

    [Fact]
    public void A_version_that_is_pinned_back_replaces_the_newer_model()
    {
        TestProject application = _release.Application("1.1.0", ModelRelease.Program);
        application.Build().Succeeded();
        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Contains("wordnet-llama/wordnet-llama-Q4_K_M.gguf", TestProject.FilesIn(Path.Combine(application.Bin, "models")));

        ModelRelease.Reference(application, "1.0.0");
        application.Build().Succeeded();
        Assert.Equal(ModelRelease.Files, TestProject.FilesIn(Path.Combine(application.Bin, "models")));
        Assert.Equal("Q8_0 True Acme.Wordnet True", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());
        Assert.Equal(File.ReadAllText(Manifest(application.Bin)), File.ReadAllText(Manifest(PackageFolder("1.0.0"))));

        application.Run("publish", "--no-build", "-c", "Debug", "-o", "out").Succeeded();
        Assert.Equal(File.ReadAllText(Manifest(Path.Combine(application.Directory, "out"))), File.ReadAllText(Manifest(PackageFolder("1.0.0"))));
    }

    [Fact]
    public void With_hard_links_there_is_one_copy_of_a_model_and_no_version_is_written_through_another()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Tells one file from another by a command of Unix.");
        string packages = Path.Combine(repository.Root, "linked-packages");
        string properties = $"{TestProject.NoCompiler}<RestorePackagesPath>{packages}</RestorePackagesPath><ModelPortUseHardLinks>true</ModelPortUseHardLinks>";
        string Packed(string version, string file) => Path.Combine(packages, "acme.wordnet", version, "models", "wordnet-llama", file);
        TestProject application = _release.Application("1.0.0", ModelRelease.Program, properties);
        string Built(string file) => Path.Combine(application.Bin, "models", "wordnet-llama", file);
        const string First = "wordnet-llama-Q8_0.gguf";
        application.Build().Succeeded();
        Assert.True(TestProject.IsSameFile(Built(First), Packed("1.0.0", First)));
        Assert.False(TestProject.IsSameFile(Built("modelport.json"), Packed("1.0.0", "modelport.json")));
        Assert.DoesNotContain("hard link", application.Build("-v:n").Succeeded().Output, StringComparison.OrdinalIgnoreCase);

        // Another version takes the name alone, also when nobody remembers what lay there.
        byte[] content = File.ReadAllBytes(Packed("1.0.0", First));
        ModelRelease.Reference(application, "1.1.0", properties);
        Directory.Delete(Path.Combine(application.Directory, "obj", "Debug"), recursive: true);
        application.Build().Succeeded();
        Assert.True(TestProject.IsSameFile(Built("wordnet-llama-Q4_K_M.gguf"), Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")));
        Assert.Equal(content, File.ReadAllBytes(Packed("1.0.0", First)));
        application.Build("-p:ModelPortUseHardLinks=false").Succeeded();
        Assert.False(TestProject.IsSameFile(Built("wordnet-llama-Q4_K_M.gguf"), Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")));

        // Between file systems there are none: it is said, and copied.
        if (Directory.Exists("/dev/shm"))
        {
            string elsewhere = Path.Combine("/dev/shm", Path.GetFileName(repository.Root)) + "/";
            try
            {
                Assert.Contains("Could not use a link to copy", application.Build($"-p:OutDir={elsewhere}", "-v:n").Succeeded().Output, StringComparison.Ordinal);
                Assert.True(File.Exists(Path.Combine(elsewhere, "models", "wordnet-llama", "wordnet-llama-Q4_K_M.gguf")));
            }
            finally
            {
                Directory.Delete(elsewhere, recursive: true);
            }
        }

        // Whoever writes into a link writes into the package; the next build finds it.
        application.Build().Succeeded();
        byte[] written = File.ReadAllBytes(Built("wordnet-llama-Q4_K_M.gguf"));
        written[written.Length / 2] ^= 1;
        File.WriteAllBytes(Built("wordnet-llama-Q4_K_M.gguf"), written);
        Error damaged = application.Build().Failed();
        Assert.Equal(("MP5004", Packed("1.1.0", "wordnet-llama-Q4_K_M.gguf")), (damaged.Code, Path.GetFullPath(damaged.File)));
    }

    [Fact]
    public void A_damaged_package_folder_is_an_error_and_an_undamaged_one_is_read_once()
    {
        TestProject application = _release.Application("1.0.0", ModelRelease.Program, TestProject.NoCompiler);
        Assert.True(application.Build().Succeeded().Ran("ModelPortVerifyModels"));
        Assert.False(application.Build().Succeeded().Ran("ModelPortVerifyModels"));

        string damaged = Path.Combine(repository.Root, "damaged");
        TestProject other = _release.Application("1.0.0", ModelRelease.Program, $"{TestProject.NoCompiler}<RestorePackagesPath>{damaged}</RestorePackagesPath>");
        string file = Path.Combine(damaged, "acme.wordnet", "1.0.0", "models", "wordnet-llama", "wordnet-llama-Q8_0.gguf");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 16;
        File.WriteAllBytes(file, bytes);
        Error flipped = other.Build().Failed();
        Assert.Equal("MP5004", flipped.Code);
        Assert.EndsWith("wordnet-llama-Q8_0.gguf", flipped.File, StringComparison.Ordinal);
        other.Build("-p:ModelPortVerify=false").Succeeded();
        File.Delete(file);
        Assert.Equal("MP5003", other.Build().Failed().Code);
    }

    [Fact]
    public void A_policy_refuses_what_falls_short_and_lets_pass_what_keeps_it()
    {
        TestProject application = _release.Application("1.1.0", ModelRelease.Program, TestProject.NoCompiler);
        void Refuses(string code, params string[] policy)
        {
            Error error = application.Build(policy).Failed();
            Assert.Equal(code, error.Code);
            Assert.Contains("wordnet-llama Q4_K_M of Acme.Wordnet 1.1.0", error.Text, StringComparison.Ordinal);
        }

        Refuses("MP5010", "-p:ModelPortPolicyMaxMeanDivergence=0.01");
        Refuses("MP5010", "-p:ModelPortPolicyMinTopTokenAgreement=99.5");
        Refuses("MP5010", "-p:ModelPortPolicyMaxSize=0.5");
        Refuses("MP5011", "-p:ModelPortPolicyMaxAccuracyDrop=5");
        Refuses("MP5013", "-p:ModelPortPolicyAllowedLicenses=MIT%3BApache-2.0");
        Refuses("MP5014", "-p:ModelPortPolicyAllowedPrecisions=Q8_0%3BF16");
        application.Build(
            "-p:ModelPortPolicyMaxPerplexityIncrease=50", "-p:ModelPortPolicyMaxMeanDivergence=0.9", "-p:ModelPortPolicyMinTopTokenAgreement=50", "-p:ModelPortPolicyMaxSize=5",
            "-p:ModelPortPolicyAllowedLicenses=mit%3Bwordnet-and-public-domain", "-p:ModelPortPolicyAllowedPrecisions=q4_k_m%3BQ8_0", "-p:ModelPortPolicyRequireVerdict=true").Succeeded();

        // The version before keeps the policy that refused this one.
        ModelRelease.Reference(application, "1.0.0", TestProject.NoCompiler);
        application.Build("-p:ModelPortPolicyMaxMeanDivergence=0.01").Succeeded();
    }

    private static string Manifest(string folder) => Path.Combine(folder, "models", "wordnet-llama", "modelport.json");

    private string PackageFolder(string version) => Path.Combine(repository.Packages, "acme.wordnet", version);
}
