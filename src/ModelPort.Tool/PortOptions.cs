using System.CommandLine;
using ModelPort.Caching;
using ModelPort.Parity;

namespace ModelPort.Tool;

/// <summary>The options that commands share, spelled like the item's metadata.</summary>
internal sealed class PortOptions
{
    // One or several paths, with ';' between.
    private static readonly string[] PathLists = ["Evaluation"];
    private static readonly string[] Paths = ["Calibration", "ReferenceOutputs"];

    private readonly Dictionary<string, Option<string?>> _metadata = new()
    {
        ["Name"] = new("--name") { Description = "The port's name; default: the last segment of the source's path." },
        ["Revision"] = new("--revision") { Description = "Which state of its repository the source is, for the manifest; default: what the Hugging Face hub or git left in its folder." },
        ["Runtime"] = new("--runtime") { Description = "The runtime: llama.cpp for a checkpoint, onnxruntime for an .onnx file (the defaults)." },
        ["Precision"] = new("--precision") { Description = "One or several, with ';' between: F32 F16 BF16 Q8_0 Q6_K Q5_1 Q5_K_M Q5_K_S Q5_0 Q4_1 Q4_K_M Q4_K_S IQ4_NL IQ4_XS Q4_0 MXFP4_MOE Q3_K_L Q3_K_M IQ3_M Q3_K_S IQ3_S IQ3_XS IQ3_XXS Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS TQ2_0 IQ1_M TQ1_0 IQ1_S; Auto chooses types for a size (--budget MaxSize=MB, --target-bits-per-weight); default: Auto where a size is given, else the source's own. ONNX: FP32 (default), FP16, INT8, INT8-Dynamic, INT8-Weight, INT4, FP8." },
        ["TargetBitsPerWeight"] = new("--target-bits-per-weight") { Description = "The size that Auto chooses types for: bits of tensor data a value, for instance 4.5." },
        ["TensorPrecision"] = new("--tensor-precision") { Description = "Types of tensors by name, over the precision's recipe: REGEX=TYPE, several with ';' between; the first match counts." },
        ["OutputPrecision"] = new("--output-precision") { Description = "The type of the output matrix, for instance Q8_0." },
        ["EmbeddingPrecision"] = new("--embedding-precision") { Description = "The type of the embedding." },
        ["HardwareTarget"] = new("--hardware-target") { Description = "The hardware: cpu (default); for ONNX models also avx2, arm64, tensorrt." },
        ["Optimize"] = new("--optimize") { Description = "ONNX: the port's graph is saved as ONNX Runtime rewrites it: basic, extended, none (default)." },
        ["Calibration"] = new("--calibration") { Description = "A text (.txt) that an importance matrix is computed from, or a matrix that llama-imatrix made (.gguf, .dat); of an ONNX model samples that ranges are measured on." },
        ["CalibrationTokens"] = new("--calibration-tokens") { Description = "At most this many of its tokens are used; default 16384." },
        ["CalibrationWindow"] = new("--calibration-window") { Description = "Tokens in a chunk of it; default 512, or the model's context when that is shorter." },
        ["CalibrationMethod"] = new("--calibration-method") { Description = "ONNX: how ranges are made of the values that were seen: MinMax (default), Entropy, Percentile." },
        ["CalibrationPercentile"] = new("--calibration-percentile") { Description = "ONNX, with Percentile: the share of the values that a range holds, in percent; default 99.99." },
        ["StatePairs"] = new("--state-pairs") { Description = "ONNX: outputs that are given to inputs of the next run, such as 'stateN=state', with ';' between." },
        ["BatchSizes"] = new("--batch-sizes") { Description = "ONNX: samples in a run for which times are taken, such as '1;8;32'; limits hold at the first; default: one, or what the model's first dimension says." },
        ["KeepInFloat"] = new("--keep-in-float") { Description = "ONNX: nodes that stay in float, with ';' between." },
        ["Evaluation"] = new("--evaluation") { Description = "What parity is measured on: a text (.txt; default: one that ships with ModelPort) and tasks (.jsonl), with ';' between; of an ONNX model samples (.safetensors, .npz, .npy, or the .json description of a folder of images)." },
        ["ReferenceOutputs"] = new("--reference-outputs") { Description = "Logits of the framework of origin (.safetensors with input_ids and logits)." },
        ["PreTokenizer"] = new("--pre-tokenizer") { Description = "The value of tokenizer.ggml.pre; default: detected from tokenizer.json." },
        ["EvaluationWindow"] = new("--evaluation-window") { Description = "Tokens in a window of the evaluation; default 512, or the model's context when that is shorter." },
        ["EvaluationQuestions"] = new("--evaluation-questions") { Description = "At most this many questions of a task are asked; default 1000." },
        ["Continuations"] = new("--continuations") { Description = "Prompts that source and port continue, 0 for none; default 8." },
        ["ContinuationTokens"] = new("--continuation-tokens") { Description = "Tokens of a continuation; default 32." },
        ["SplitMaxSize"] = new("--split-max-size") { Description = "The largest file, for instance 2GB: a port that is larger is cut into shards, as llama.cpp's gguf-split cuts, or has its weights in several files of external data (ONNX); default: one file." },
        ["HourlyCost"] = new("--hourly-cost") { Description = "What an hour of the machine costs, for the cost of a million tokens or requests." },
        ["EvaluationTokens"] = new("--evaluation-tokens") { Description = "At most this many tokens are measured; default 8192, fewer for more than 488 million parameters, at least 2048." },
    };

    private readonly Dictionary<string, Option<string?>> _properties = new()
    {
        ["Parity"] = new("--parity") { Description = "What a missed budget does: error (default), warn, off." },
        ["MemoryBudget"] = new("--memory-budget") { Description = "Memory for the port's buffers, for instance 512MB." },
        ["RemoteCache"] = new("--remote-cache") { Description = "A cache that several machines share: a URL under which ac/ and cas/ lie (bazel-remote, nginx with WebDAV), or a folder." },
        ["Threads"] = new("--threads") { Description = "Threads that work; default: one for each core." },
        ["CacheVerify"] = new("--cache-verify") { Description = "What is checked of the cache's files before they are used: checksum (default), sha256, size." },
        ["CacheMaxSize"] = new("--cache-max-size") { Description = "What the cache may hold when the run ends, for instance 20GB; default 50GB." },
    };

    private readonly Option<string[]> _budgets = new("--budget") { Description = "A limit, for instance MaxPerplexityIncrease=2; may be repeated.", AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> _cache = CreateCache();
    private readonly Option<bool> _pure = new("--pure") { Description = "Every matrix gets the base type of the precision." };
    private readonly Option<bool> _half = new("--half-inputs-and-outputs") { Description = "ONNX, FP16: inputs and outputs are half floats too." };
    private readonly Option<bool> _strictPrecision = new("--strict-precision") { Description = "A tensor that cannot have the type asked for is an error." };
    private readonly Option<bool> _strictParity = new("--strict-parity") { Description = "A number outside its limit by less than its standard error misses the budget." };
    private readonly Option<bool> _serving = new("--serving") { Description = "Latency, speed, memory and load time are measured even when no budget limits them." };
    private readonly Option<bool> _attribute = new("--attribute") { Description = "What each layer and tensor costs is measured, so that it is known which one did it." };
    private readonly Option<bool> _strict = new("--strict") { Description = "Fallbacks, overflow and guesses are errors." };

    private readonly Option<bool> _remoteReadOnly = new("--remote-cache-read-only") { Description = "The remote cache is read and not written." };

    /// <summary>Where the source is.</summary>
    public Argument<string> Source { get; } = new("source") { Description = "The checkpoint folder, or the .onnx file." };

    /// <summary>text or json.</summary>
    public Option<string> Format { get; } = CreateFormat();

    /// <summary>The --cache option.</summary>
    public static Option<string?> CreateCache() => new("--cache") { Description = "The folder of the cache of ports, or 'none'; default: MODELPORT_CACHE, else 'modelport' in the user's cache folder." };

    /// <summary>The --format option.</summary>
    public static Option<string> CreateFormat()
    {
        var format = new Option<string>("--format") { Description = "text (default) or json.", DefaultValueFactory = _ => "text" };
        format.AcceptOnlyFromAmong("text", "json");
        return format;
    }

    /// <summary>Adds all options but the source to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in _metadata.Values.Concat(_properties.Values))
        {
            command.Add(option);
        }

        command.Add(_cache);
        command.Add(_budgets);
        command.Add(_pure);
        command.Add(_half);
        command.Add(_serving);
        command.Add(_attribute);
        command.Add(_strictPrecision);
        command.Add(_strict);
        command.Add(_strictParity);
        command.Add(_remoteReadOnly);
        command.Add(Format);
    }

    /// <summary>Makes the request; paths are relative to the current folder.</summary>
    public PortRequest Read(ParseResult parsed, string source, string outputDirectory)
    {
        var metadata = _metadata.Select(o => (o.Key, Value: parsed.GetValue(o.Value))).Where(o => !string.IsNullOrEmpty(o.Value)).ToDictionary(o => o.Key, o => o.Value!);
        foreach (var budget in parsed.GetValue(_budgets) ?? [])
        {
            var parts = budget.Split('=', 2);
            // Checked here, as other metadata have options of their own.
            _ = Budget.Parse(parts[0], parts.Length == 2 ? parts[1] : "", "");
            metadata[parts[0]] = parts[1];
        }

        if (parsed.GetValue(_pure))
        {
            metadata["Pure"] = "true";
        }

        if (parsed.GetValue(_half))
        {
            metadata["HalfInputsAndOutputs"] = "true";
        }

        foreach (var path in Paths.Where(metadata.ContainsKey))
        {
            metadata[path] = Path.GetFullPath(metadata[path]);
        }

        foreach (var list in PathLists.Where(metadata.ContainsKey))
        {
            // Only here is a percent sign an ordinary character.
            metadata[list] = PathList.Write(metadata[list].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Path.GetFullPath));
        }

        var properties = _properties.Select(o => (o.Key, Value: parsed.GetValue(o.Value))).Where(o => !string.IsNullOrEmpty(o.Value)).ToDictionary(o => o.Key, o => o.Value!);
        if (parsed.GetValue(_cache) is { } cache)
        {
            properties["CacheDirectory"] = cache.Length == 0 ? StoreSettings.None : cache;
        }

        properties["Serving"] = Text(parsed.GetValue(_serving));
        properties["Attribute"] = Text(parsed.GetValue(_attribute));
        properties["Strict"] = Text(parsed.GetValue(_strict));
        properties["StrictPrecision"] = Text(parsed.GetValue(_strictPrecision));
        properties["RemoteCacheReadOnly"] = Text(parsed.GetValue(_remoteReadOnly));
        properties["StrictParity"] = Text(parsed.GetValue(_strictParity));
        return PortRequest.Parse(Path.GetFullPath(source), Path.GetFullPath(outputDirectory), metadata, properties, "");
    }

    private static string Text(bool value) => value ? "true" : "false";
}
