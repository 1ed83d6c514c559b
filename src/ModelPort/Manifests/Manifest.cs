using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelPort.Manifests;

/// <summary>
/// The proof that travels with a port: what it was made from, what changed, and every measured number (modelport.json). docs/schemas/modelport.schema.json is its schema.
/// </summary>
public sealed record Manifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "modelport.json";

    /// <summary>The version of the schema this version writes.</summary>
    public const int CurrentSchema = 3;

    /// <summary>How manifests and reports are written.</summary>
    internal static readonly JsonSerializerOptions Format = new()
    {
        TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver(),
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    /// <summary>The version of the schema.</summary>
    public required int SchemaVersion { get; init; }

    /// <summary>The port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The version of ModelPort that made it.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>The engine the port is for, and whose version measured it.</summary>
    public required EngineRecord Engine { get; init; }

    /// <summary>The source.</summary>
    public required SourceRecord Source { get; init; }

    /// <summary>What the source was made from, as its model card says; null when it says nothing.</summary>
    public LineageRecord? Lineage { get; init; }

    /// <summary>What applications depend on beside the numbers.</summary>
    public required ModelRecord Model { get; init; }

    /// <summary>The layers that changed: runtime, kernels, precision.</summary>
    public required IReadOnlyList<string> Layers { get; init; }

    /// <summary>What weighed the columns of quantised matrices; null when nothing did.</summary>
    public CalibrationRecord? Calibration { get; init; }

    /// <summary>What ranges of values were measured on; null when none were.</summary>
    public RangeCalibrationRecord? Ranges { get; init; }

    /// <summary>What parity was measured on; null when it was not.</summary>
    public EvaluationRecord? Evaluation { get; init; }

    /// <summary>The ported files.</summary>
    public required IReadOnlyList<OutputRecord> Outputs { get; init; }

    /// <summary>What the user was warned of.</summary>
    public required IReadOnlyList<WarningRecord> Warnings { get; init; }

    /// <summary>Hashes over everything a stage depends on, by which a later run knows that there is nothing to do.</summary>
    public required KeyRecord Keys { get; init; }

    /// <summary>The JSON text, with LF line ends.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Format) + "\n";

    /// <summary>The JSON schema of what <see cref="ToJson"/> writes.</summary>
    public static string Schema() => PublishedSchema.Of<Manifest>($"ModelPort manifest, version {CurrentSchema}");

    /// <summary>Reads a manifest; null when there is none that this version can use.</summary>
    public static Manifest? TryRead(string path)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(File.ReadAllBytes(path), Format);
            return manifest?.SchemaVersion == CurrentSchema ? manifest : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>An inference engine.</summary>
/// <param name="Name">For instance llama.cpp.</param>
/// <param name="Version">Its version.</param>
/// <param name="Commit">The commit it was built from; empty where the version says it.</param>
public sealed record EngineRecord(string Name, string Version, string Commit);

/// <summary>The source of a port.</summary>
/// <param name="Sha256">One hash over all files: the source's identity wherever it lies.</param>
/// <param name="Architecture">The class name in config.json.</param>
/// <param name="Parameters">Number of values.</param>
/// <param name="Precision">Its own precision.</param>
/// <param name="WeightBytes">Bytes of its weight files.</param>
/// <param name="License">The licence its model card names.</param>
/// <param name="Files">Its files.</param>
public sealed record SourceRecord(string Sha256, string Architecture, long Parameters, string Precision, long WeightBytes, string? License, IReadOnlyList<FileRecord> Files)
{
    /// <summary>Which state of its repository it is; null when nothing says so. The hashes say what it is; this says where to find it again.</summary>
    public Checkpoints.SourceRevision? Revision { get; init; }
}

/// <summary>What a source was made from, as its model card says.</summary>
/// <param name="BaseModels">Names on the hub of the models it was made from, <c>base_model</c> of the card.</param>
/// <param name="Relation">How: finetune, adapter, merge or quantized, <c>base_model_relation</c> of the card; null when it does not say.</param>
public sealed record LineageRecord(IReadOnlyList<string> BaseModels, string? Relation);

/// <summary>A file and its content hash.</summary>
/// <param name="Name">Relative path with forward slashes.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 in lower-case hex.</param>
public sealed record FileRecord(string Name, long Bytes, string Sha256)
{
    /// <summary>One hash for files that belong together: that of the only one, or SHA-256 over lines "name NUL hash LF" of all sorted by name, as of a source.</summary>
    public static string Identity(IReadOnlyList<FileRecord> files) =>
        files is [var only] ? only.Sha256 : Checkpoints.SourceHash.Of(files.Select(f => (f.Name, f.Sha256))).Value;
}

/// <summary>The importance matrix that weighed the columns of quantised matrices.</summary>
/// <param name="Name">The file that Calibration named: a text, or a matrix that was computed before.</param>
/// <param name="Sha256">SHA-256 of that file.</param>
/// <param name="File">The matrix's file; beside the manifest when it was computed here.</param>
/// <param name="FileSha256">SHA-256 of the matrix's file.</param>
/// <param name="ChunkLength">Tokens in a chunk of text; 0 where the matrix does not say.</param>
/// <param name="Chunks">Chunks that were evaluated.</param>
/// <param name="CpuBackend">The variant of llama.cpp's CPU back-end, on which the last digits depend; null when it was computed elsewhere.</param>
/// <param name="Coverage">What each entry was computed from; empty for the old format, which does not say.</param>
public sealed record CalibrationRecord(string Name, string Sha256, string File, string FileSha256, long ChunkLength, long Chunks, string? CpuBackend, IReadOnlyList<CoverageRecord> Coverage);

/// <summary>What one entry of an importance matrix was computed from.</summary>
/// <param name="Tensor">The weight.</param>
/// <param name="Matrices">How many matrices are counted apart: the experts, or 1.</param>
/// <param name="Fewest">The fewest activations that one of them saw.</param>
/// <param name="Most">The most.</param>
/// <param name="Sparse">Those that saw too few for a mean that can be relied on; null when there is none.</param>
public sealed record CoverageRecord(string Tensor, int Matrices, long Fewest, long Most, IReadOnlyList<int>? Sparse);

/// <summary>What parity was measured on.</summary>
/// <param name="Name">The file's name, or "default".</param>
/// <param name="Sha256">SHA-256 of the text or data.</param>
/// <param name="WindowLength">Tokens in a window; null for data that are no text.</param>
/// <param name="FirstScored">The first position of a window whose prediction is scored; null for data that are no text.</param>
/// <param name="Windows">How many windows were evaluated; null for data that are no text.</param>
/// <param name="Positions">How many predictions were scored in all: positions of a text, or samples.</param>
/// <param name="CpuBackend">The variant of the engine's CPU back-end.</param>
/// <param name="ReferenceSha256">SHA-256 of the reference outputs, when they were given.</param>
public sealed record EvaluationRecord(string Name, string Sha256, int? WindowLength, int? FirstScored, int? Windows, int Positions, string CpuBackend, string? ReferenceSha256)
{
    /// <summary>Whether it is a text; else it is samples.</summary>
    [JsonIgnore]
    public bool IsText => WindowLength is not null;
}

/// <summary>What a model was ported to at one precision: a file, or several that belong together.</summary>
public sealed record OutputRecord
{
    /// <summary>The files, beside the manifest: one, or the shards in their order. Engines are given the first.</summary>
    public required IReadOnlyList<FileRecord> Files { get; init; }

    /// <summary>Its precision.</summary>
    public required string Precision { get; init; }

    /// <summary>Bytes of all files.</summary>
    public required long Bytes { get; init; }

    /// <summary>The name of the file that engines are given.</summary>
    [JsonIgnore]
    public string FileName => Files[0].Name;

    /// <summary>Its identity: SHA-256 of its file, or over all of them (<see cref="FileRecord.Identity"/>), in lower-case hex.</summary>
    [JsonIgnore]
    public string Sha256 => FileRecord.Identity(Files);

    /// <summary>How many tensors have each type.</summary>
    public required IReadOnlyDictionary<string, int> TensorTypes { get; init; }

    /// <summary>Tensors that have another type than the precision asks for.</summary>
    public required IReadOnlyList<FallbackRecord> Fallbacks { get; init; }

    /// <summary>What was done to its graph; null for a model of llama.cpp, and for one that is as its source.</summary>
    public GraphRecord? Graph { get; init; }

    /// <summary>Which operators source and port have, and which run; null for a model of llama.cpp.</summary>
    public KernelRecord? Kernels { get; init; }

    /// <summary>What its types were chosen for and from; null when a recipe gave them.</summary>
    public MixRecord? Mix { get; init; }

    /// <summary>Every measured number: of the port, and of the source and the reference it compares with. Empty when nothing was measured.</summary>
    public required IReadOnlyList<Parity.Figure> Metrics { get; init; }

    /// <summary>How the answers of source and port to the questions of tasks differ.</summary>
    public IReadOnlyList<Parity.Tasks.TaskParity> Tasks { get; init; } = [];

    /// <summary>How far it splits text as the source does; null when nothing was measured.</summary>
    public Parity.Tokenizers.TokenizerComparison? Tokenizer { get; init; }

    /// <summary>How it behaves; null when nothing was measured.</summary>
    public Parity.Behaviour.BehaviourRecord? Behaviour { get; init; }

    /// <summary>Where it differs from its source, and what that costs; null when nothing was measured.</summary>
    public Parity.Attribution.AttributionRecord? Attribution { get; init; }

    /// <summary>How times and memory were taken; null when nobody asked for them.</summary>
    public Parity.Serving.ServingRecord? Serving { get; init; }

    /// <summary>The budgets it was judged by.</summary>
    public required IReadOnlyList<Parity.BudgetResult> Budgets { get; init; }

    /// <summary>kept, missed or notMeasured.</summary>
    public required Parity.Verdict Verdict { get; init; }
}

/// <summary>Types that were chosen for a size.</summary>
/// <param name="LimitBytes">What the file may have.</param>
/// <param name="ExpectedDivergence">The sum over the tensors of sensitivity times error, in nats.</param>
/// <param name="LeastDivergence">What no mix of the same candidates and that size can go below.</param>
/// <param name="Yardstick">The precision whose default budgets hold: the most exact one whose file is not larger.</param>
/// <param name="SensitivityText">What sensitivities were measured on.</param>
/// <param name="Tensors">The tensors whose types were chosen.</param>
public sealed record MixRecord(
    long LimitBytes, double ExpectedDivergence, double LeastDivergence, string Yardstick, Choosing.SensitivityText SensitivityText, IReadOnlyList<MixTensorRecord> Tensors);

/// <summary>A tensor whose type was chosen.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="Type">Its type.</param>
/// <param name="Error">The relative squared error of the type, weighted by importance where there is an importance matrix.</param>
/// <param name="Sensitivity">Divergence of the model for each unit of that error, in nats.</param>
/// <param name="Rows">Rows it has.</param>
/// <param name="MeasuredRows">Rows that the error was measured on.</param>
public sealed record MixTensorRecord(string Tensor, string Type, double Error, double Sensitivity, long Rows, long MeasuredRows);

/// <summary>A tensor that has another type than the precision asks for.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="Wanted">The type asked for.</param>
/// <param name="Used">The type it has.</param>
public sealed record FallbackRecord(string Tensor, string Wanted, string Used);

/// <summary>A warning of the run.</summary>
/// <param name="Code">Its code.</param>
/// <param name="Message">Its text.</param>
public sealed record WarningRecord(string Code, string Message);

/// <summary>What a stage depends on, as SHA-256.</summary>
/// <param name="Port">Of the ported files: source, precisions, options, tool version.</param>
/// <param name="Parity">Of the measurement: the port, evaluation text, reference outputs, engine.</param>
public sealed record KeyRecord(string Port, string Parity)
{
    /// <summary>What <see cref="Port"/> is made of, by name: of two manifests that differ, it says why.</summary>
    public IReadOnlyList<Caching.KeyPart> PortParts { get; init; } = [];

    /// <summary>What <see cref="Parity"/> is made of.</summary>
    public IReadOnlyList<Caching.KeyPart> ParityParts { get; init; } = [];
}
