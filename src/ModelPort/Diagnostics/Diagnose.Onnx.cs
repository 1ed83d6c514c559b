using ModelPort.Engines;

namespace ModelPort.Diagnostics;

/// <content>What is about ONNX models and ONNX Runtime.</content>
public static partial class Diagnose
{
    /// <summary>MP1060: ONNX Runtime refuses a model.</summary>
    public static Diagnostic OnnxRefused(string path, string found, string log) =>
        Error("MP1060", path, $"ONNX Runtime refuses the model: {found.TrimEnd('.')}.{Said(log)} Check the model with 'modelport inspect', or export it again.");

    /// <summary>MP1061: ONNX Runtime has no implementation of an operator of a model.</summary>
    public static Diagnostic OperatorUnsupported(string path, string found, string expected) =>
        Error("MP1061", path, $"The model cannot be run here: {found}; expected {expected}. Use a model of other types (FP32 or FP16), or export it again with another operator set.");

    /// <summary>MP1062: what is given to a model does not fit its inputs.</summary>
    public static Diagnostic InputUnfit(string path, string found, string expected) =>
        Error("MP1062", path, $"The data does not fit the model: {found}; expected {expected}. Compare with the inputs that 'modelport inspect' shows. Correct the names, types or shapes of the data.");

    /// <summary>MP2070: an operator cannot be taken to a newer operator set.</summary>
    public static Diagnostic OperatorNotUpgraded(string path, string operatorType, string node, long target, string reason) =>
        Error("MP2070", path, $"The operator {operatorType} (node '{node}') cannot be taken to operator set {target}, which the precision needs: {reason}. Export the model with that operator set. Choose a precision that needs none if you cannot.");

    /// <summary>MP2071: a model's operator set is too old to be taken to a newer one.</summary>
    public static Diagnostic OpsetTooOld(string path, long found, long oldest) =>
        Error("MP2071", path, $"The model has operator set {found}; models are taken to a newer one from {oldest} on. Get the model in a newer form, or export it again.");

    /// <summary>MP9005: the native library of ONNX Runtime cannot be loaded.</summary>
    public static Diagnostic OnnxRuntimeMissing(string found, string expected) =>
        Error("MP9005", "", $"ONNX Runtime cannot be loaded: {found.TrimEnd('.')}; expected {expected}. Restore the ModelPort.Build package again, on a platform that it carries the library for.");

    private static Diagnostic FromOnnx(EngineException e, string file)
    {
        var path = e.Path ?? file;
        var said = string.Join(" ", e.NativeLog);
        return e.Fault switch
        {
            EngineFault.LibraryWrong or EngineFault.PlatformUnsupported => OnnxRuntimeMissing(e.Found, e.Expected),
            EngineFault.OperatorUnsupported => OperatorUnsupported(path, e.Found, e.Expected),
            EngineFault.InputRefused => InputUnfit(path, e.Found, e.Expected),
            EngineFault.ModelRefused => OnnxRefused(path, e.Found, said),
            _ => EngineFailed(path, e.Engine, e.Found, said),
        };
    }

    private static string Said(string log) => log.Length == 0 ? "" : $" It said: {log.TrimEnd('.')}.";
}
