using System.Globalization;
using ModelPort.Caching;
using ModelPort.Caching.Remote;
using ModelPort.Diagnostics;
using ModelPort.Onnx;
using ModelPort.Packages;
using ModelPort.Parity;
using ModelPort.Parity.Serving;
using ModelPort.Planning;

namespace ModelPort;

/// <summary>What happens when a port misses a budget.</summary>
public enum ParityMode
{
    /// <summary>A missed budget is an error.</summary>
    Error,

    /// <summary>A missed budget is a warning.</summary>
    Warn,

    /// <summary>Nothing is measured, and the manifest says so.</summary>
    Off,
}

/// <summary>Everything a user can ask of one port. Made from item metadata and properties, or from the command line; both go through <see cref="Parse"/>.</summary>
public sealed record PortRequest
{
    /// <summary>The default of <see cref="MemoryBudget"/>: 512 MiB.</summary>
    public const long DefaultMemoryBudget = 512L << 20;

    // Beyond it ggml ends the process.
    private const int MostThreads = 512;

    /// <summary>The checkpoint folder, or the .onnx file.</summary>
    public required string Source { get; init; }

    /// <summary>The port's name: folder, file and package payload.</summary>
    public required string Name { get; init; }

    /// <summary>Which state of its repository the source is; null for what its folder tells (<see cref="Checkpoints.SourceRevision"/>).</summary>
    public string? Revision { get; init; }

    /// <summary>Where the ported files and the manifest go.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>What parity is measured on: the text of a checkpoint, null for the one that ships with ModelPort; inputs of an ONNX model.</summary>
    public string? Evaluation { get; init; }

    /// <summary>Whether latency, speed, memory and load time are measured even when no budget limits them.</summary>
    public bool Serving { get; init; }

    /// <summary>What an hour of the machine costs, in any currency; null when it is not known.</summary>
    public double? HourlyCost { get; init; }

    /// <summary>Whether latency, speed, memory and load time are measured.</summary>
    public bool MeasuresServing => Serving || Onnx?.BatchSizes.Count > 0 || Budgets.Any(b => ServingMeasurement.Metrics.Contains(b.Kind.Metric));

    /// <summary>What is run to know what weights and values meet: of a checkpoint a text, or a file with an importance matrix; inputs of an ONNX model; null for none.</summary>
    public string? Calibration { get; init; }

    /// <summary>The most bytes that a file may have: a port that is larger is cut into shards; null for one file whatever its size.</summary>
    public long? SplitMaxSize { get; init; }

    /// <summary>The user's budgets; defaults of the precision fill the gaps.</summary>
    public IReadOnlyList<Budget> Budgets { get; init; } = [];

    /// <summary>What a missed budget does.</summary>
    public ParityMode Parity { get; init; } = ParityMode.Error;

    /// <summary>Whether it is measured which layer, and which tensors, cost most.</summary>
    public bool Attribute { get; init; }

    /// <summary>Bytes that the buffers of the port may take.</summary>
    public long MemoryBudget { get; init; } = DefaultMemoryBudget;

    /// <summary>Threads that work.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The folder of the store of what was made before; null for none.</summary>
    public string? CacheDirectory { get; init; }

    /// <summary>What is checked of the store's objects before they are used.</summary>
    public StoreVerification CacheVerify { get; init; }

    /// <summary>What the store may hold when a run ends, in bytes.</summary>
    public long CacheMaxSize { get; init; } = StoreSettings.DefaultMaxBytes;

    /// <summary>The store.</summary>
    public StoreSettings Store => new(CacheDirectory, CacheVerify, CacheMaxSize, Threads);

    /// <summary>Whether fallbacks, overflow and guesses are errors.</summary>
    public bool Strict { get; init; }

    /// <summary>Whether a number outside its limit by less than its standard error misses the budget.</summary>
    public bool StrictParity { get; init; }

    /// <summary>Whether a tensor that cannot have the type asked for is an error.</summary>
    public bool StrictPrecision { get; init; }

    /// <summary>The cache that several machines share; null for none.</summary>
    public RemoteAddress? RemoteCache { get; init; }

    /// <summary>Whether the remote cache is only read.</summary>
    public bool RemoteCacheReadOnly { get; init; }

    /// <summary>Whether the source of a C# class with the port's path and numbers is written beside the manifest, for the project that ports.</summary>
    public bool HasClass { get; init; }

    /// <summary>The file that warnings about options point at: the project file, or nothing.</summary>
    public string OptionsFile { get; init; } = "";

    /// <summary>What the user asks for that only a checkpoint can be asked; the defaults for an ONNX model.</summary>
    public CheckpointOptions Checkpoint { get; init; } = new();

    /// <summary>What the user asks for that only an ONNX model can be asked; null for a checkpoint.</summary>
    public OnnxOptions? Onnx { get; init; }

    private static IEnumerable<string> AllNames => [.. CheckpointOptions.Names, .. OnnxOptions.Names, .. BudgetKind.All.Concat(BudgetKind.OfOnnx).Select(k => k.Name)];

    /// <summary>Checks and reads the options of one port.</summary>
    /// <param name="source">The checkpoint folder, or the .onnx file.</param>
    /// <param name="outputDirectory">Where the outputs go.</param>
    /// <param name="metadata">Options by name: <see cref="CheckpointOptions.Names"/> or <see cref="OnnxOptions.Names"/>, and budgets.</param>
    /// <param name="properties">Settings of the build by name, without the prefix ModelPort: MemoryBudget, Threads, Parity, StrictParity, Serving, Attribute, EvaluationTokens, CacheDirectory, CacheVerify, CacheMaxSize, RemoteCache, RemoteCacheReadOnly, Strict, StrictPrecision, Split, MaxPackageSize, ModelsClass.</param>
    /// <param name="file">The file that errors about options point at (the project file).</param>
    /// <exception cref="ModelPortException">MP1018, MP1019, MP1020, MP1040, MP1041, MP1043, MP1044, MP1088, MP1100 or MP1101.</exception>
    public static PortRequest Parse(
        string source,
        string outputDirectory,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyDictionary<string, string> properties,
        string file)
    {
        var isOnnx = OnnxOptions.IsFor(source);
        var (options, budgets) = Sort(metadata, isOnnx, file);
        var settings = new OptionValues(properties, "ModelPort", file);
        options.Require("Runtime", isOnnx ? "onnxruntime" : "llama.cpp", isOnnx ? "an ONNX model" : "a checkpoint");
        var name = options["Name"] ?? DefaultName(source);
        if (name.Length == 0 || name.IndexOfAny([.. Path.GetInvalidFileNameChars(), '/', '\\']) >= 0 || name is "." or "..")
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, "Name", name, "a name that a file can have"));
        }

        var common = new PortRequest
        {
            Source = source,
            Name = name,
            Revision = options["Revision"],
            OutputDirectory = outputDirectory,
            Calibration = options["Calibration"],
            SplitMaxSize = options.Size("SplitMaxSize", "2GB or 240MB") ?? PackageLimit.Parse(settings).LargestFile,
            Serving = options.Or(settings, "Serving").Switch("Serving"),
            Attribute = options.Or(settings, "Attribute").Switch("Attribute"),
            HourlyCost = ParseCost(options, budgets),
            Budgets = budgets,
            Parity = settings.OneOf("Parity", "error, warn or off", ParityMode.Error, ("error", ParityMode.Error), ("warn", ParityMode.Warn), ("off", ParityMode.Off)),
            MemoryBudget = settings.Size("MemoryBudget", "512MB or 2GiB") ?? DefaultMemoryBudget,
            Threads = settings.Within("Threads", 1, MostThreads) ?? Environment.ProcessorCount,
            CacheDirectory = StoreSettings.DirectoryOf(settings["CacheDirectory"]),
            CacheVerify = settings.OneOf(
                "CacheVerify", "checksum, sha256 or size", StoreVerification.Checksum,
                ("checksum", StoreVerification.Checksum), ("sha256", StoreVerification.Sha256), ("size", StoreVerification.Size)),
            CacheMaxSize = settings.Size("CacheMaxSize", "20GB or 1TiB") ?? StoreSettings.DefaultMaxBytes,
            Strict = settings.Switch("Strict"),
            StrictParity = settings.Switch("StrictParity"),
            StrictPrecision = settings.Switch("StrictPrecision"),
            RemoteCache = settings["RemoteCache"] is { } remote ? RemoteAddress.Parse(remote, file) : null,
            RemoteCacheReadOnly = settings.Switch("RemoteCacheReadOnly"),
            // Who sees the class is the compiler's concern.
            HasClass = settings.OneOf("ModelsClass", "true, public or false", false, ("false", false), ("true", true), ("public", true)),
            OptionsFile = file,
        };
        return isOnnx ? OnnxOptions.Complete(common, options) : CheckpointOptions.Complete(common, options, settings);
    }

    /// <summary>The default name of a source: the last segment of its path, dots included; of an ONNX model without its extension.</summary>
    public static string DefaultName(string source) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)) is var path && OnnxOptions.IsFor(path) ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);

    /// <summary>The same of a checkpoint as it is: one file at its own precision, without what changes types.</summary>
    internal PortRequest ForSource(Precision own) => this with { Checkpoint = Checkpoint with { Precisions = [own], Choice = TensorChoice.None }, Calibration = null, SplitMaxSize = null };

    // What is set, by what it is: options or budgets of this kind of source.
    private static (OptionValues Options, IReadOnlyList<Budget> Budgets) Sort(IReadOnlyDictionary<string, string> metadata, bool isOnnx, string file)
    {
        var budgets = new List<Budget>();
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var (names, kinds) = isOnnx ? (OnnxOptions.Names, BudgetKind.OfOnnx) : (CheckpointOptions.Names, BudgetKind.All);
        foreach (var (key, value) in metadata.Where(m => m.Value.Length > 0).OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            if (names.Contains(key, StringComparer.OrdinalIgnoreCase))
            {
                options[key] = value;
            }
            else if (kinds.Any(k => k.Name.Equals(key, StringComparison.OrdinalIgnoreCase)))
            {
                budgets.Add(Budget.Parse(key, value, file, kinds));
            }
            else
            {
                string[] valid = [.. names, .. kinds.Select(k => k.Name)];
                throw new ModelPortException(AllNames.Contains(key, StringComparer.OrdinalIgnoreCase)
                    ? Diagnose.OptionOfOtherRuntime(file, key, isOnnx ? "onnxruntime" : "llama.cpp", valid)
                    : Diagnose.UnknownOption(file, key, valid, Nearest.To(key, valid)));
            }
        }

        return (new OptionValues(options, "", file), budgets);
    }

    private static double? ParseCost(OptionValues options, IReadOnlyList<Budget> budgets)
    {
        var limit = budgets.FirstOrDefault(b => b.Kind.Metric == Metric.CostPerMillionTokens || b.Kind.Metric == Metric.CostPerMillionRequests);
        return options["HourlyCost"] is null && limit is not null
            ? throw new ModelPortException(Diagnose.InvalidOption(options.File, limit.Kind.Name, limit.Limit.ToString(CultureInfo.InvariantCulture), "HourlyCost beside it, the cost of an hour of the machine"))
            : options.Number("HourlyCost", "a number above zero, with a decimal point");
    }
}
