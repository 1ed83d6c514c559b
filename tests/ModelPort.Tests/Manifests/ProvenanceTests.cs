using ModelPort.Checkpoints;
using ModelPort.Manifests;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Manifests;

/// <summary>Where a source comes from: its revision as the tools that fetched it left it, and what its card says that it was made from.</summary>
public sealed class ProvenanceTests : IDisposable
{
    private const string First = "0123456789abcdef0123456789abcdef01234567";
    private const string Second = "fedcba9876543210fedcba9876543210fedcba98";

    private static readonly string[] Files = ["config.json", "model.safetensors"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_of_the_hubs_cache_names_repository_and_commit()
    {
        var snapshot = Path.Combine(_folder["models--acme--tiny-llama"], "snapshots", First);
        Assert.Equal(new SourceRevision(First, RevisionOrigin.HubCache, "acme/tiny-llama"), SourceRevision.Of(snapshot, Files, null));
        Assert.Null(SourceRevision.Of(Path.Combine(_folder["other"], "snapshots", First), Files, null));
    }

    [Fact]
    public void A_download_has_a_revision_only_when_all_its_files_are_of_one_commit()
    {
        var folder = _folder["model"];
        Assert.Null(SourceRevision.Of(folder, Files, null));
        Write(".cache/huggingface/download/config.json.metadata", $"{First}\netag\n1.0\n");
        Assert.Null(SourceRevision.Of(folder, Files, null));
        Write(".cache/huggingface/download/model.safetensors.metadata", $"{First}\netag\n1.0\n");
        Assert.Equal(new SourceRevision(First, RevisionOrigin.HubDownload), SourceRevision.Of(folder, Files, null));
        Write(".cache/huggingface/download/model.safetensors.metadata", $"{Second}\netag\n1.0\n");
        Assert.Null(SourceRevision.Of(folder, Files, null));
    }

    [Fact]
    public void A_clone_has_the_commit_of_its_head_wherever_git_keeps_it()
    {
        var folder = _folder["model"];
        Write(".git/HEAD", $"{First}\n");
        Assert.Equal(new SourceRevision(First, RevisionOrigin.Git), SourceRevision.Of(folder, Files, null));
        Write(".git/HEAD", "ref: refs/heads/main\n");
        Assert.Null(SourceRevision.Of(folder, Files, null));
        Write(".git/packed-refs", $"# pack-refs with: peeled fully-peeled sorted\n{First} refs/heads/old\n{Second} refs/heads/main\n");
        Assert.Equal(Second, SourceRevision.Of(folder, Files, null)?.Commit);
        Write(".git/refs/heads/main", $"{First}\n");
        Assert.Equal(First, SourceRevision.Of(folder, Files, null)?.Commit);
        Write(".git/HEAD", "ref: ../../secret\n");
        Assert.Null(SourceRevision.Of(folder, Files, null));
        Assert.Equal(new SourceRevision("v3", RevisionOrigin.Stated), SourceRevision.Of(folder, Files, "v3"));
    }

    [Fact]
    public void The_manifest_says_where_the_source_comes_from_and_another_revision_of_the_same_bytes_ports_nothing()
    {
        using var checkpoint = new DamagedCheckpoint();
        File.WriteAllText(checkpoint["README.md"], "---\nlicense: mit\nbase_model: acme/base\nbase_model_relation: finetune\n---\n");
        Assert.Null(Port(checkpoint, out _).Source.Revision);
        checkpoint.Metadata["Revision"] = First;
        var manifest = Port(checkpoint, out var ported);
        Assert.False(ported);
        Assert.Equal(new SourceRevision(First, RevisionOrigin.Stated), manifest.Source.Revision);
        Assert.Equal(["acme/base"], manifest.Lineage!.BaseModels);
        Assert.Equal("finetune", manifest.Lineage.Relation);
        Assert.Equal(manifest.Source.Revision, Manifest.TryRead(Path.Combine(checkpoint.Output, Manifest.FileName))!.Source.Revision);
    }

    private static Manifest Port(DamagedCheckpoint checkpoint, out bool ported)
    {
        var outcome = PortPipeline.Run(checkpoint.Request(), checkpoint.Observer, TestContext.Current.CancellationToken);
        ported = outcome.Ported;
        return outcome.Manifest;
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder["model"], name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
