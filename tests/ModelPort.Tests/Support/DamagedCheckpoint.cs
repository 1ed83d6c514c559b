using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using ModelPort.Diagnostics;

namespace ModelPort.Tests.Support;

/// <summary>A copy of a fixture's checkpoint that a test damages, and the port that must refuse it.</summary>
internal sealed class DamagedCheckpoint : IDisposable
{
    private const string Lock = ".modelport.lock";
    private readonly TemporaryFolder _folder = new();

    public DamagedCheckpoint(string fixture = "llama3-rope")
    {
        Directory.CreateDirectory(Model);
        foreach (var file in Directory.GetFiles(Repository.Checkpoint(fixture)))
        {
            File.Copy(file, this[Path.GetFileName(file)]);
        }
    }

    /// <summary>The checkpoint's folder.</summary>
    public string Model => _folder["model"];

    /// <summary>The folder for the port; not there before a port makes it.</summary>
    public string Output => _folder["out"];

    /// <summary>The file that errors about options point at.</summary>
    public string Project => _folder["model.csproj"];

    public string Weights => this["model.safetensors"];

    public Dictionary<string, string> Metadata { get; } = new() { ["Precision"] = "Q8_0" };

    public Dictionary<string, string> Properties { get; } = new() { ["Parity"] = "off", ["Threads"] = "2" };

    public IPortObserver Observer { get; set; } = new QuietObserver();

    /// <summary>A file of the checkpoint.</summary>
    public string this[string name] => Path.Combine(Model, name);

    /// <summary>A file beside the checkpoint.</summary>
    public string Beside(string name) => _folder[name];

    public void Delete(string name) => File.Delete(this[name]);

    public void EditJson(string name, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(this[name]))!.AsObject();
        edit(json);
        File.WriteAllText(this[name], json.ToJsonString());
    }

    public void EditConfig(Action<JsonObject> edit) => EditJson("config.json", edit);

    public void EditTensors(Action<TensorEdit> edit)
    {
        var tensors = new TensorEdit(Weights);
        edit(tensors);
        tensors.Save(Weights);
    }

    /// <summary>Puts another header before the same data; <paramref name="length"/> is what the file claims it to have.</summary>
    public void EditHeader(Func<string, string> edit, ulong? length = null)
    {
        var bytes = File.ReadAllBytes(Weights);
        var size = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var header = Encoding.UTF8.GetBytes(edit(Encoding.UTF8.GetString(bytes, 8, size)));
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length ?? (ulong)header.Length);
        File.WriteAllBytes(Weights, [.. prefix, .. header, .. bytes[(8 + size)..]]);
    }

    public void EditHeaderJson(Action<JsonObject> edit) => EditHeader(text =>
    {
        var json = JsonNode.Parse(text)!.AsObject();
        edit(json);
        return json.ToJsonString();
    });

    /// <summary>Splits the weights into two shards with an index.</summary>
    public void Shard(Action<JsonObject>? editWeightMap = null) => Shard(name => name.Contains("layers.0.", StringComparison.Ordinal), editWeightMap);

    /// <summary>Splits the weights into two shards, some experts of every block in the first.</summary>
    public void Shard(IReadOnlyList<int> experts) => Shard(name => experts.Any(e => name.Contains($"experts.{e}.", StringComparison.Ordinal)));

    /// <summary>What a project would ask, into its own output folder or another.</summary>
    public PortRequest Request(string? output = null) => PortRequest.Parse(Model, output ?? Output, Metadata, Properties, Project);

    /// <summary>Ports, which must end in an error and leave nothing that could be taken for a port.</summary>
    public Diagnostic Refused()
    {
        Diagnostic? error = null;
        try
        {
            PortPipeline.Run(Request(), Observer, TestContext.Current.CancellationToken);
        }
        catch (Exception e)
        {
            error = Diagnose.From(e, Model);
        }

        Assert.NotNull(error);
        Assert.Equal(DiagnosticSeverity.Error, error.Severity);
        Assert.Equal([], Directory.Exists(Output) ? Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Where(n => n != Lock) : []);
        return error;
    }

    /// <summary>Ports, and checks the error: its code, the file it points at, and texts that its message must have.</summary>
    public Diagnostic Refused(string code, string file, params string[] texts)
    {
        var error = Refused();
        Assert.Equal((code, file), (error.Code, error.File));
        Assert.All(texts, text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
        return error;
    }

    public void Dispose() => _folder.Dispose();

    private void Shard(Func<string, bool> isInFirst, Action<JsonObject>? editWeightMap = null)
    {
        var tensors = new TensorEdit(Weights);
        File.Delete(Weights);
        string Of(string name) => isInFirst(name) ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
        var map = new JsonObject(tensors.Names.Select(n => KeyValuePair.Create(n, (JsonNode?)Of(n))));
        foreach (var shard in tensors.Names.Select(Of).Distinct())
        {
            tensors.Where(n => Of(n) == shard).Save(this[shard]);
        }

        editWeightMap?.Invoke(map);
        File.WriteAllText(this["model.safetensors.index.json"], new JsonObject { ["weight_map"] = map }.ToJsonString());
    }
}
