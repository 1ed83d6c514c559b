using System.Globalization;
using ModelPort.Caching;
using ModelPort.Caching.Remote;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Onnx;
using ModelPort.Packages;
using ModelPort.Parity;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;
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

    /// <summary>The default of <see cref="CalibrationTokens"/>.</summary>
    public const int DefaultCalibrationTokens = 16384;

    /// <summary>The default of <see cref="EvaluationQuestions"/>.</summary>
    public const int DefaultEvaluationQuestions = 1000;

    /// <summary>The default of <see cref="Continuations"/>.</summary>
    public const int DefaultContinuations = 8;

    /// <summary>The default of <see cref="ContinuationTokens"/>.</summary>
    public const int DefaultContinuationTokens = 32;

    private const int MostContinuations = 64;
    private const int MostContinuationTokens = 512;

    // Beyond it ggml ends the process.
    private const int MostThreads = 512;

    /// <summary>Metadata of a checkpoint other than the budgets, as users spell them.</summary>
    public static IReadOnlyList<string> OptionNames { get; } =
        ["Name", "Revision", "Runtime", "Precision", "HardwareTarget", "Evaluation", "ReferenceOutputs", "PreTokenizer", "EvaluationTokens", "EvaluationWindow", "EvaluationQuestions", "Continuations", "ContinuationTokens", "Serving", "Attribute", "HourlyCost",
         "TensorPrecision", "Pure", "OutputPrecision", "EmbeddingPrecision", "TargetBitsPerWeight",
         "Calibration", "CalibrationTokens", "CalibrationWindow", "SplitMaxSize"];

    /// <summary>The checkpoint folder, or the .onnx file.</summary>
    public required string Source { get; init; }

    /// <summary>The port's name: folder, file and package payload.</summary>
    public required string Name { get; init; }

    /// <summary>Which state of its repository the source is; null for what its folder tells (<see cref="Checkpoints.SourceRevision"/>).</summary>
    public string? Revision { get; init; }

    /// <summary>Where the ported files and the manifest go.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>The precisions asked for; empty means the source's own.</summary>
    public IReadOnlyList<Precision> Precisions { get; init; } = [];

    /// <summary>The size that types are chosen for, when <see cref="Precision.Auto"/> is among the precisions.</summary>
    public SizeTarget? Target { get; init; }

    /// <summary>What the user decides about the types of tensors over the precisions' recipes.</summary>
    public TensorChoice Choice { get; init; } = TensorChoice.None;

    /// <summary>The text that parity is measured on; null means the text that ships with ModelPort.</summary>
    public string? Evaluation { get; init; }

    /// <summary>Tasks that source and port are asked (.jsonl).</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <summary>At most this many questions of a task are asked; of more, this many at even distances.</summary>
    public int EvaluationQuestions { get; init; } = DefaultEvaluationQuestions;

    /// <summary>Prompts that source and port continue; 0 for none.</summary>
    public int Continuations { get; init; } = DefaultContinuations;

    /// <summary>Tokens of a continuation, at most.</summary>
    public int ContinuationTokens { get; init; } = DefaultContinuationTokens;

    /// <summary>Whether latency, speed, memory and load time are measured even when no budget limits them.</summary>
    public bool Serving { get; init; }

    /// <summary>What an hour of the machine costs, in any currency; null when it is not known.</summary>
    public double? HourlyCost { get; init; }

    /// <summary>Whether latency, speed, memory and load time are measured.</summary>
    public bool MeasuresServing => Serving || Onnx?.BatchSizes.Count > 0 || Budgets.Any(b => ServingMeasurement.Metrics.Contains(b.Kind.Metric));

    /// <summary>A safetensors file with <c>input_ids</c> and <c>logits</c> of the framework the model comes from.</summary>
    public string? ReferenceOutputs { get; init; }

    /// <summary>The value of <c>tokenizer.ggml.pre</c>, when the user knows better than the detection.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>A text that an importance matrix is computed from, or a file that holds one; null for none.</summary>
    public string? Calibration { get; init; }

    /// <summary>At most this many tokens of the calibration text are used.</summary>
    public int CalibrationTokens { get; init; } = DefaultCalibrationTokens;

    /// <summary>Tokens in a chunk of the calibration; null means 512, or the model's context when that is shorter.</summary>
    public int? CalibrationWindow { get; init; }

    /// <summary>The most bytes that a file may have: a port that is larger is cut into shards; null for one file whatever its size.</summary>
    public long? SplitMaxSize { get; init; }

    /// <summary>The user's budgets; defaults of the precision fill the gaps.</summary>
    public IReadOnlyList<Budget> Budgets { get; init; } = [];

    /// <summary>What a missed budget does.</summary>
    public ParityMode Parity { get; init; } = ParityMode.Error;

    /// <summary>At most this many tokens of the evaluation text are measured; null for what the model's size makes of it (<see cref="EvaluationLength"/>).</summary>
    public int? EvaluationTokens { get; init; }

    /// <summary>Whether it is measured which layer, and which tensors, cost most.</summary>
    public bool Attribute { get; init; }

    /// <summary>Tokens in a window of the evaluation; null means 512, or the model's context when that is shorter. Take the length the model was trained with when that is less.</summary>
    public int? EvaluationWindow { get; init; }

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

    /// <summary>What the user asks for that only an ONNX model can be asked; null for a checkpoint.</summary>
    public OnnxOptions? Onnx { get; init; }

    private static IEnumerable<string> AllNames => [.. OptionNames, .. OnnxOptions.Names, .. BudgetKind.All.Concat(BudgetKind.OfOnnx).Select(k => k.Name)];

    /// <summary>Checks and reads the options of one port.</summary>
    /// <param name="source">The checkpoint folder, or the .onnx file.</param>
    /// <param name="outputDirectory">Where the outputs go.</param>
    /// <param name="metadata">Options by name: <see cref="OptionNames"/> or <see cref="OnnxOptions.Names"/>, and budgets.</param>
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
        var budgets = new List<Budget>();
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var isOnnx = OnnxOptions.IsFor(source);
        var (names, kinds) = isOnnx ? (OnnxOptions.Names, BudgetKind.OfOnnx) : (OptionNames, BudgetKind.All);
        string[] valid = [.. names, .. kinds.Select(k => k.Name)];
        foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            if (value.Length == 0)
            {
                continue;
            }

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
                throw new ModelPortException(AllNames.Contains(key, StringComparer.OrdinalIgnoreCase)
                    ? Diagnose.OptionOfOtherRuntime(file, key, isOnnx ? "onnxruntime" : "llama.cpp", valid)
                    : Diagnose.UnknownOption(file, key, valid, Nearest.To(key, valid)));
            }
        }

        string? Option(string name) => options.GetValueOrDefault(name);
        string? Property(string name) => properties.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
        Require(Option("Runtime"), "Runtime", isOnnx ? "onnxruntime" : "llama.cpp", isOnnx ? "an ONNX model" : "a checkpoint", file);
        var name = Option("Name") ?? DefaultName(source);
        if (name.Length == 0 || name.IndexOfAny([.. Path.GetInvalidFileNameChars(), '/', '\\']) >= 0 || name is "." or "..")
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, "Name", name, "a name that a file can have"));
        }

        var common = new PortRequest
        {
            Source = source,
            Name = name,
            Revision = Option("Revision"),
            OutputDirectory = outputDirectory,
            Calibration = Option("Calibration"),
            SplitMaxSize = Option("SplitMaxSize") is { } largest ? ParseFileSize(largest, file) : PackageLimit.Parse(Property("Split"), Property("MaxPackageSize"), file).LargestFile,
            Serving = ParseSwitch(Option("Serving") ?? Property("Serving"), "Serving", file),
            Attribute = ParseSwitch(Option("Attribute") ?? Property("Attribute"), "Attribute", file),
            HourlyCost = ParseCost(Option("HourlyCost"), budgets, file),
            Budgets = budgets,
            Parity = ParseParity(Property("Parity"), file),
            MemoryBudget = ParseBudget(Property("MemoryBudget"), file),
            Threads = ParseThreads(Property("Threads"), file),
            CacheDirectory = StoreSettings.DirectoryOf(Property("CacheDirectory")),
            CacheVerify = ParseVerification(Property("CacheVerify"), file),
            CacheMaxSize = ParseCacheSize(Property("CacheMaxSize"), file),
            Strict = ParseSwitch(Property("Strict"), "ModelPortStrict", file),
            StrictParity = ParseSwitch(Property("StrictParity"), "ModelPortStrictParity", file),
            StrictPrecision = ParseSwitch(Property("StrictPrecision"), "ModelPortStrictPrecision", file),
            RemoteCache = Property("RemoteCache") is { } remote ? RemoteAddress.Parse(remote, file) : null,
            RemoteCacheReadOnly = ParseSwitch(Property("RemoteCacheReadOnly"), "ModelPortRemoteCacheReadOnly", file),
            HasClass = ParseClass(Property("ModelsClass"), file),
            OptionsFile = file,
        };
        return isOnnx ? common with { Onnx = OnnxOptions.Parse(Option, file), Evaluation = ParseData(Option("Evaluation"), file) } : OfCheckpoint(common, Option, Property, file);
    }

    /// <summary>The default name of a source: the last segment of its path, dots included; of an ONNX model without its extension.</summary>
    public static string DefaultName(string source) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)) is var path && OnnxOptions.IsFor(path) ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);

    // What only a checkpoint that llama.cpp will run can be asked.
    private static PortRequest OfCheckpoint(PortRequest common, Func<string, string?> option, Func<string, string?> property, string file)
    {
        Require(option("HardwareTarget"), "HardwareTarget", "cpu", "a checkpoint", file);
        var target = new SizeTarget(
            common.Budgets.FirstOrDefault(b => b.Kind.Name == "MaxSize") is { } size ? (long)Math.Min(size.Limit * 1e6, long.MaxValue / 2) : null,
            option("TargetBitsPerWeight") is { } bits ? ParseBits(bits, file) : null);
        var precisions = ParsePrecisions(option("Precision") ?? "", target, file);
        var pure = ParseSwitch(option("Pure"), "Pure", file);
        if (pure && precisions.Contains(Precision.Auto))
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, "Pure", "true", "a precision other than Auto beside it, which has no base type"));
        }

        var (text, tasks) = ParseEvaluation(option("Evaluation") ?? "", file);
        return common with
        {
            Precisions = precisions,
            Target = precisions.Contains(Precision.Auto) ? target : null,
            Choice = new TensorChoice
            {
                Patterns = TensorPattern.ParseList(option("TensorPrecision") ?? "", file),
                Pure = pure,
                Output = option("OutputPrecision") is { } output ? TensorTypes.Parse(output, file) : null,
                Embedding = option("EmbeddingPrecision") is { } embedding ? TensorTypes.Parse(embedding, file) : null,
            },
            Evaluation = text,
            Tasks = tasks,
            EvaluationQuestions = Count(option("EvaluationQuestions"), "EvaluationQuestions", DefaultEvaluationQuestions, file),
            Continuations = Within(option("Continuations"), "Continuations", DefaultContinuations, 0, MostContinuations, file),
            ContinuationTokens = Within(option("ContinuationTokens"), "ContinuationTokens", DefaultContinuationTokens, 1, MostContinuationTokens, file),
            ReferenceOutputs = option("ReferenceOutputs"),
            PreTokenizer = option("PreTokenizer"),
            EvaluationTokens = (option("EvaluationTokens") ?? property("EvaluationTokens")) is { } tokens ? Count(tokens, "EvaluationTokens", 0, file) : null,
            EvaluationWindow = ParseWindow(option("EvaluationWindow"), "EvaluationWindow", file),
            CalibrationTokens = Count(option("CalibrationTokens"), "CalibrationTokens", DefaultCalibrationTokens, file),
            CalibrationWindow = ParseWindow(option("CalibrationWindow"), "CalibrationWindow", file),
        };
    }

    // Samples of an ONNX model: one file.
    private static string? ParseData(string? value, string file) => value is null ? null
        : PathList.Read(value) is [var only] ? only
        : throw new ModelPortException(Diagnose.InvalidOption(file, "Evaluation", value, "one file with inputs of the model"));

    private static void Require(string? value, string option, string only, string source, string file)
    {
        if (value is not null && !value.Equals(only, StringComparison.OrdinalIgnoreCase))
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, option, value, $"'{only}', the only one for {source} in this version"));
        }
    }

    // One text, and tasks, which figures and budgets name by their file names.
    private static (string? Text, string[] Tasks) ParseEvaluation(string value, string file)
    {
        var paths = PathList.Read(value);
        string[] tasks = [.. paths.Where(p => Path.GetExtension(p).Equals(TaskFile.Extension, StringComparison.OrdinalIgnoreCase))];
        string[] texts = [.. paths.Except(tasks)];
        return texts.Length > 1 ? throw new ModelPortException(Diagnose.InvalidOption(file, "Evaluation", value, "one text (.txt) at most, beside tasks (.jsonl)"))
            : tasks.DistinctBy(Path.GetFileName, StringComparer.OrdinalIgnoreCase).Count() < tasks.Length
                ? throw new ModelPortException(Diagnose.InvalidOption(file, "Evaluation", value, "tasks whose file names differ"))
            : (texts.FirstOrDefault(), tasks);
    }

    private static int? ParseWindow(string? value, string option, string file) =>
        value is null ? null : Within(value, option, 0, 16, 32768, file);

    // A size without a precision asks for the best that fits.
    private static IReadOnlyList<Precision> ParsePrecisions(string list, SizeTarget size, string file)
    {
        var precisions = Precision.ParseList(list, file);
        if (precisions.Count == 0 && size != new SizeTarget(null, null))
        {
            return [Precision.Auto];
        }

        if (precisions.Contains(Precision.Auto))
        {
            return size != new SizeTarget(null, null) ? precisions : throw new ModelPortException(Diagnose.SizeMissing(file));
        }

        return size.BitsPerWeight is { } bits
            ? throw new ModelPortException(Diagnose.InvalidOption(file, "TargetBitsPerWeight", bits.ToString(CultureInfo.InvariantCulture), "Precision 'Auto', or none, beside it"))
            : precisions;
    }

    private static double ParseBits(string value, string file) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var bits) && bits is > 0 and <= 32
            ? bits
            : throw new ModelPortException(Diagnose.InvalidOption(file, "TargetBitsPerWeight", value, "a number above 0 and up to 32, with a decimal point"));

    private static ParityMode ParseParity(string? value, string file) => value?.ToUpperInvariant() switch
    {
        null or "ERROR" => ParityMode.Error,
        "WARN" => ParityMode.Warn,
        "OFF" => ParityMode.Off,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortParity", value, "error, warn or off")),
    };

    // Who sees the class is the compiler's concern.
    private static bool ParseClass(string? value, string file) => value?.ToUpperInvariant() switch
    {
        null or "FALSE" => false,
        "TRUE" or "PUBLIC" => true,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortModelsClass", value, "true, public or false")),
    };

    internal static bool ParseSwitch(string? value, string option, string file) => value?.ToUpperInvariant() switch
    {
        null or "FALSE" => false,
        "TRUE" => true,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, option, value, "true or false")),
    };

    private static long ParseBudget(string? value, string file) => value switch
    {
        null => DefaultMemoryBudget,
        _ when Sizes.TryParse(value, out var bytes) && bytes > 0 => bytes,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortMemoryBudget", value, "a size such as 512MB or 2GiB")),
    };

    private static long ParseFileSize(string value, string file) =>
        Sizes.TryParse(value, out var bytes) && bytes > 0 ? bytes : throw new ModelPortException(Diagnose.InvalidOption(file, "SplitMaxSize", value, "a size such as 2GB or 240MB"));

    private static StoreVerification ParseVerification(string? value, string file) => value?.ToUpperInvariant() switch
    {
        null or "CHECKSUM" => StoreVerification.Checksum,
        "SHA256" => StoreVerification.Sha256,
        "SIZE" => StoreVerification.Size,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortCacheVerify", value, "checksum, sha256 or size")),
    };

    private static long ParseCacheSize(string? value, string file) => value switch
    {
        null => StoreSettings.DefaultMaxBytes,
        _ when Sizes.TryParse(value, out var bytes) && bytes > 0 => bytes,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortCacheMaxSize", value, "a size such as 20GB or 1TiB")),
    };

    private static int ParseThreads(string? value, string file)
    {
        var threads = Count(value, "ModelPortThreads", Environment.ProcessorCount, file);
        return threads <= MostThreads
            ? threads
            : throw new ModelPortException(Diagnose.InvalidOption(file, "ModelPortThreads", value!, $"a whole number from 1 to {MostThreads}"));
    }

    private static double? ParseCost(string? value, IReadOnlyList<Budget> budgets, string file)
    {
        if (value is null)
        {
            return budgets.FirstOrDefault(b => b.Kind.Metric == Metric.CostPerMillionTokens || b.Kind.Metric == Metric.CostPerMillionRequests) is { } limit
                ? throw new ModelPortException(Diagnose.InvalidOption(file, limit.Kind.Name, limit.Limit.ToString(CultureInfo.InvariantCulture), "HourlyCost beside it, the cost of an hour of the machine"))
                : null;
        }

        return double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var cost) && cost > 0
            ? cost
            : throw new ModelPortException(Diagnose.InvalidOption(file, "HourlyCost", value, "a number above zero, with a decimal point"));
    }

    private static int Within(string? value, string option, int fallback, int least, int most, string file) => value switch
    {
        null => fallback,
        _ when int.TryParse(value, out var count) && count >= least && count <= most => count,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, option, value, $"a whole number from {least} to {most}")),
    };

    private static int Count(string? value, string option, int fallback, string file) => value switch
    {
        null => fallback,
        _ when int.TryParse(value, out var count) && count > 0 => count,
        _ => throw new ModelPortException(Diagnose.InvalidOption(file, option, value, "a whole number above zero")),
    };
}
