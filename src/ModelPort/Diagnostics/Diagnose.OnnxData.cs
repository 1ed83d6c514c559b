using System.Globalization;

namespace ModelPort.Diagnostics;

/// <content>Data that ONNX models are calibrated and measured with, and options of their ports.</content>
public static partial class Diagnose
{
    /// <summary>MP1080: an ONNX model has nothing to be measured on, or calibrated with.</summary>
    public static Diagnostic DataMissing(string file, string option, string purpose) =>
        Error("MP1080", file, $"{option} is not set, and {purpose}. Set {option} to a file whose arrays have the names of the model's inputs (.safetensors, .npz), or to the description of a folder of images (.json).");

    /// <summary>MP1081: a data file is of no known kind.</summary>
    public static Diagnostic DataFormat(string path, string found) =>
        Error("MP1081", path, $"'{Path.GetFileName(path)}' is {found}; expected arrays (.safetensors, .npz, .npy) or the description of a folder of images (.json). Save the inputs of the model in one of these forms, each under its input's name.");

    /// <summary>MP1082: data have nothing for an input.</summary>
    public static Diagnostic DataInputMissing(string path, string input, IEnumerable<string> found) =>
        Error("MP1082", path, $"There is nothing for the input '{input}'. The file has {string.Join("; ", found)}. Save an array of the input's name and type, with samples along its first dimension.");

    /// <summary>MP1083: data are of another type or shape than the input they are for.</summary>
    public static Diagnostic DataUnfit(string path, string name, string found, string input, string expected) =>
        Error("MP1083", path, $"'{name}' is {found}, but the input '{input}' is {expected}. Expected the input's type, and samples along the first dimension. Save the data as the model takes them.");

    /// <summary>MP1084: NaN or infinity in data.</summary>
    public static Diagnostic DataNonFinite(string path, string name, long sample) =>
        Error("MP1084", path, string.Create(CultureInfo.InvariantCulture, $"'{name}' holds NaN or infinity in sample {sample}; expected finite numbers. Correct the sample, or leave it out."));

    /// <summary>MP1085: arrays of a data file do not belong together, or are empty.</summary>
    public static Diagnostic DataRows(string path, string found) =>
        Error("MP1085", path, $"The data cannot be used: {found}. Expected as many rows in each array as there are samples, and at least one. Save the arrays again.");

    /// <summary>MP1086 (warning): arrays of a data file are used for nothing.</summary>
    public static Diagnostic DataUnused(string path, IEnumerable<string> names) =>
        Warning("MP1086", path, $"Nothing is done with {string.Join(", ", names.Select(n => $"'{n}'"))}: it is neither an input nor an output of the model, nor 'labels'. Correct its name if it is one of them, or leave it out.");

    /// <summary>MP1087: labels do not fit the outputs of a model.</summary>
    public static Diagnostic LabelsUnfit(string path, string found, IEnumerable<string> outputs) =>
        Error("MP1087", path, $"The labels cannot be compared with an output: {found}; the outputs are {string.Join("; ", outputs)}. Expected whole numbers, each the index of a class of an output, or numbers of an output's own shape. Correct the labels, or leave them out.");

    /// <summary>MP1088: an option is used that means nothing for the runtime.</summary>
    public static Diagnostic OptionOfOtherRuntime(string file, string option, string runtime, IEnumerable<string> valid) =>
        Error("MP1088", file, $"{option} means nothing for a model of {runtime}. Remove it; valid are {string.Join(", ", valid)}.");

    /// <summary>MP1089: an output and an input that state is carried between are not of the model, or do not fit each other.</summary>
    public static Diagnostic StatePairUnfit(string path, string pair, string found, IEnumerable<string> outputs, IEnumerable<string> inputs) =>
        Error("MP1089", path, $"StatePairs has '{pair}', but {found}. Expected an output and an input of the same type, with '=' between; outputs: {string.Join(", ", outputs)}; inputs: {string.Join(", ", inputs)}. Correct the pair.");

    /// <summary>MP1090 (warning): calibration data are given, and no precision needs ranges.</summary>
    public static Diagnostic CalibrationWithoutUse(string file, string precisions) =>
        Warning("MP1090", file, $"Calibration is set, but nothing is calibrated for {precisions}. Remove it, or choose a precision that uses measured ranges: INT8, FP8 or FP16.");

    /// <summary>MP1091: a value of the model is NaN or infinite while its range is measured.</summary>
    public static Diagnostic CalibrationNonFinite(string path, string value, string data) =>
        Error("MP1091", path, $"The value '{value}' of the model is NaN or infinite for samples of {data}; expected finite numbers, as a range cannot be made of others. Check the data, and that the model computes what it should.");

    /// <summary>MP1094: a model does not take as many samples in a run as BatchSizes asks for.</summary>
    public static Diagnostic BatchSizeUnfit(string file, int size, string found, string expected) =>
        Error("MP1094", file, string.Create(CultureInfo.InvariantCulture, $"BatchSizes has {size}, but {found}; expected {expected}. Correct BatchSizes, or remove it."));

    /// <summary>MP3040 (warning): nodes stay in float, as the accuracy that they cost is more than the limit allows.</summary>
    public static Diagnostic NodesKeptForAccuracy(string path, string precision, IEnumerable<string> nodes, string limits) =>
        Warning("MP3040", path, string.Create(CultureInfo.InvariantCulture, $"{precision}: {nodes.Count()} nodes stay in float, as {limits} is missed without ({Some(nodes)}). The manifest names them all. Set KeepInFloat to them to save the search, or choose a better calibration."));

    /// <summary>MP1092: the description of a folder of images cannot be used.</summary>
    public static Diagnostic ImageDescription(string path, string found) =>
        Error("MP1092", path, $"The description of images cannot be used: {found.TrimEnd('.')}. Expected a JSON object with images (the folder), width and height, and where needed input, channels, layout, fit, scale, mean, std and classes. Correct the file.");

    /// <summary>MP1093: an image cannot be read.</summary>
    public static Diagnostic ImageUnreadable(string path, string found) =>
        Error("MP1093", path, $"The image cannot be read: {found.TrimEnd('.')}. Expected a PNG, JPEG or BMP file. Save it again, or remove it from the folder.");

    /// <summary>MP3041 (warning): a port is slower than its source.</summary>
    public static Diagnostic PortSlower(string path, string precision, IEnumerable<string> runs, IEnumerable<string> reasons) =>
        Warning("MP3041", path, string.Create(CultureInfo.InvariantCulture, $"{precision} is slower than its source here: {string.Join(", ", runs)}. {(reasons.Any() ? $"In the graph that runs are {string.Join("; ", reasons)}" : "Nothing in the graph that runs was left unfused, so that the precision itself costs more than it saves on a model of this size")}. Choose another precision or hardware target, or keep it for its size."));

    /// <summary>MP3042: a model does not run on as many samples at once as BatchSizes asks for.</summary>
    public static Diagnostic BatchRefused(string path, int size, string found) =>
        Error("MP3042", path, string.Create(CultureInfo.InvariantCulture, $"The model does not run on {size} samples at once: {found.TrimEnd('.')}. Expected a model whose first dimensions are open from the first node to the last. Remove {size} from BatchSizes, or export the model with an open batch dimension."));

    /// <summary>MP3043: a port takes or gives something else than its source.</summary>
    public static Diagnostic SignatureDiffers(string path, string source, IEnumerable<string> differences) =>
        Error("MP3043", path, $"The file cannot take the place of '{Path.GetFileName(source)}': {string.Join("; ", differences)}. Expected inputs and outputs of the same names, types and shapes. Check that it was made of this source, or port the source again with the types of its inputs and outputs kept.");

    /// <summary>MP3044 (warning): a port fixes dimensions that its source leaves open.</summary>
    public static Diagnostic SignatureNarrower(string path, IEnumerable<string> narrower) =>
        Warning("MP3044", path, $"The file takes less than its source: {string.Join("; ", narrower)}. Applications that rely on open dimensions cannot use it. Port the source again with its dimensions left open, or check that all who use the file give it this shape.");

    private static string Some(IEnumerable<string> nodes) => string.Join(", ", nodes.Take(5).Select(n => $"'{n}'")) + (nodes.Skip(5).Any() ? " and others" : "");
}
