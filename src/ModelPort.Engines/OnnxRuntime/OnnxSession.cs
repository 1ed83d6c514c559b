using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>
/// A model loaded by ONNX Runtime on the CPU. Native code runs in this process: the build loads models in a worker of its own only. A session may be run
/// from several threads at once.
/// </summary>
public sealed class OnnxSession : IDisposable
{
    /// <summary>What this engine is called in <see cref="EngineException.Engine"/>.</summary>
    public const string EngineName = "ONNX Runtime";

    private static readonly Lock Gate = new();
    private static bool _started;

    private readonly InferenceSession _session;
    private readonly Dictionary<string, OnnxPort> _byName;
    private readonly HashSet<string> _optional;

    private OnnxSession(string path, InferenceSession session)
    {
        Path = path;
        _session = session;
        Inputs = [.. session.InputNames.Select(name => PortOf(name, session.InputMetadata[name]))];
        Outputs = [.. session.OutputNames.Select(name => PortOf(name, session.OutputMetadata[name]))];
        _byName = Inputs.Concat(session.OverridableInitializerMetadata.Select(entry => PortOf(entry.Key, entry.Value))).ToDictionary(port => port.Name, StringComparer.Ordinal);
        _optional = [.. session.OverridableInitializerMetadata.Keys, .. session.InputMetadata.Where(entry => entry.Value.OnnxValueType == OnnxValueType.ONNX_TYPE_OPTIONAL).Select(entry => entry.Key)];
    }

    /// <summary>The version of ONNX Runtime, such as "1.31.1".</summary>
    /// <exception cref="EngineException">The native library is missing, or there is none for this platform.</exception>
    public static string Version => Start().GetVersionString();

    /// <summary>The model's file.</summary>
    public string Path { get; }

    /// <summary>The inputs that must be given, in the model's order.</summary>
    public ImmutableArray<OnnxPort> Inputs { get; }

    /// <summary>The outputs in the model's order.</summary>
    public ImmutableArray<OnnxPort> Outputs { get; }

    /// <summary>Loads a model.</summary>
    /// <exception cref="EngineException">
    /// The model is refused, has an operator without an implementation or needs too much memory; or ONNX Runtime's own library cannot be loaded.
    /// </exception>
    public static OnnxSession Open(string path, OnnxSessionOptions? options = null)
    {
        Start();
        OnnxLog.Begin();
        try
        {
            using var native = Native(options ?? new OnnxSessionOptions());
            var session = new InferenceSession(path, native);
            try
            {
                return new OnnxSession(path, session);
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw OnnxFaults.Of(e, path, EngineFault.ModelRefused, OnnxLog.End());
        }
        finally
        {
            OnnxLog.End();
        }
    }

    /// <summary>Runs the model once.</summary>
    /// <param name="inputs">Every input by name; those with a default may be left out.</param>
    /// <param name="outputs">The outputs that are wanted; null for all.</param>
    /// <param name="cancellationToken">Ends the run between two nodes.</param>
    /// <returns>The outputs by name.</returns>
    /// <exception cref="EngineException">An input is missing, unknown or of another type or shape; or the run failed.</exception>
    /// <exception cref="OperationCanceledException">The run was ended.</exception>
    public IReadOnlyDictionary<string, EngineValue> Run(
        IReadOnlyDictionary<string, EngineValue> inputs, IReadOnlyCollection<string>? outputs = null, CancellationToken cancellationToken = default)
    {
        Check(inputs);
        outputs ??= _session.OutputNames.ToList();
        using var run = new RunOptions();
        using var cancellation = cancellationToken.Register(() => run.Terminate = true);
        using var native = new OnnxInputs();
        OnnxLog.Begin();
        try
        {
            var names = inputs.Keys.ToList();
            var values = names.ConvertAll(name => native.Add(inputs[name]));
            using var results = _session.Run(run, names, values, outputs);
            return outputs.Zip(results, (name, value) => (name, value)).ToDictionary(pair => pair.name, pair => OnnxOutputs.Read(pair.value), StringComparer.Ordinal);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException e)
        {
            throw OnnxFaults.Of(e, Path, EngineFault.RunFailed, OnnxLog.End());
        }
        catch (NotSupportedException e)
        {
            throw OnnxFaults.New(EngineFault.RunFailed, Path, e.Message.TrimEnd('.'), "outputs that are tensors or sequences of tensors", null, null, e);
        }
        finally
        {
            OnnxLog.End();
        }
    }

    /// <summary>Ends the session, and writes its profile if it has one.</summary>
    public void Dispose() => _session.Dispose();

    /// <summary>Ends profiling; see <see cref="OnnxSessionOptions.ProfilePrefix"/>.</summary>
    /// <returns>The profile's path.</returns>
    public string EndProfiling() => _session.EndProfiling();

    private void Check(IReadOnlyDictionary<string, EngineValue> inputs)
    {
        foreach (var input in Inputs)
        {
            if (!inputs.ContainsKey(input.Name) && !_optional.Contains(input.Name))
            {
                throw Refused($"nothing for the input '{input.Name}'", input.ToString());
            }
        }

        foreach (var (name, value) in inputs)
        {
            if (!_byName.TryGetValue(name, out var port))
            {
                throw Refused($"something for '{name}', which is no input", $"one of {string.Join(", ", Inputs.Select(input => input.Name))}");
            }

            if (port.IsTensor && (value is not EngineTensor tensor || !port.Accepts(tensor)))
            {
                throw Refused($"{value} for the input '{name}'", port.ToString());
            }
        }
    }

    private EngineException Refused(string found, string expected) =>
        OnnxFaults.New(EngineFault.InputRefused, Path, found, expected, "Give every input the type and shape that the model asks for.");

    private static OrtEnv Start()
    {
        try
        {
            lock (Gate)
            {
                if (!_started)
                {
                    var options = new EnvironmentCreationOptions { logId = "modelport", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING, loggingFunction = OnnxLog.Callback };
                    OrtEnv.CreateInstanceWithOptions(ref options).DisableTelemetryEvents();
                    _started = true;
                }

                return OrtEnv.Instance();
            }
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw OnnxFaults.Library(e);
        }
    }

    private static SessionOptions Native(OnnxSessionOptions options)
    {
        var native = new SessionOptions
        {
            GraphOptimizationLevel = options.Optimization switch
            {
                GraphOptimization.Basic => GraphOptimizationLevel.ORT_ENABLE_BASIC,
                GraphOptimization.Extended => GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
                GraphOptimization.All => GraphOptimizationLevel.ORT_ENABLE_ALL,
                _ => GraphOptimizationLevel.ORT_DISABLE_ALL,
            },
            IntraOpNumThreads = options.Threads,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING,
        };
        if (options.OptimizedModelPath is { } optimized)
        {
            native.OptimizedModelFilePath = optimized;
        }

        if (options.ProfilePrefix is { } prefix)
        {
            // In this order: with the prefix set after, the profile goes to the working directory.
            native.ProfileOutputPathPrefix = prefix;
            native.EnableProfiling = true;
        }

        foreach (var (name, size) in options.Dimensions)
        {
            native.AddFreeDimensionOverrideByName(name, size);
        }

        foreach (var (key, value) in options.Entries)
        {
            native.AddSessionConfigEntry(key, value);
        }

        return native;
    }

    private static OnnxPort PortOf(string name, NodeMetadata metadata) => metadata.OnnxValueType == OnnxValueType.ONNX_TYPE_TENSOR
        ? new OnnxPort(name, true, (TensorType)metadata.ElementDataType, [.. metadata.Dimensions.Select(dimension => (long)dimension)], [.. metadata.SymbolicDimensions])
        : new OnnxPort(name, false, default, [], []);
}
