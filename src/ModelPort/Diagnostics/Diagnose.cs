using System.Globalization;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats;
using ModelPort.Runtime;

namespace ModelPort.Diagnostics;

/// <summary>
/// Every error and warning of ModelPort, in one place (Diagnose.Onnx.cs has what is about ONNX alone): each method makes one <see cref="Diagnostic"/>.
/// The text says what was found, what was expected and what to do. docs/errors.md has a section for each code; a test keeps the two lists equal.
/// </summary>
public static partial class Diagnose
{
    // MP1xxx: input

    /// <summary>MP1001: the item's source does not exist.</summary>
    public static Diagnostic SourceMissing(string path) =>
        Error("MP1001", path, $"There is no model at '{path}'. Expected a checkpoint folder with config.json and *.safetensors, or an .onnx file. Check the Include of the ModelPort item; paths are relative to the project file.");

    /// <summary>MP1002: a file that a checkpoint needs is missing.</summary>
    public static Diagnostic FileMissing(string path, string expected) =>
        Error("MP1002", path, $"'{Path.GetFileName(path)}' is missing. Expected {expected}. Download the model again, whole, or restore the file.");

    /// <summary>MP1003: a file cannot be read.</summary>
    public static Diagnostic Unreadable(string path, string found) =>
        Error("MP1003", path, $"'{Path.GetFileName(path)}' cannot be read: {found.TrimEnd('.')}. Check the file's permissions and that no other program holds it.");

    /// <summary>MP1004: a file ends before its content does.</summary>
    public static Diagnostic Truncated(string path, string found, string expected) =>
        Error("MP1004", path, $"The file is truncated: {found}; expected {expected}. Download it again.");

    /// <summary>MP1005: a file is not of its format.</summary>
    public static Diagnostic Malformed(string path, string found, string expected) =>
        Error("MP1005", path, $"The file is damaged or of another format: {found}; expected {expected}. Download it again, or save the checkpoint again.");

    /// <summary>MP1006: a file contradicts itself or its neighbours (offsets that overlap, an index that names a missing tensor).</summary>
    public static Diagnostic Inconsistent(string path, string found, string expected) =>
        Error("MP1006", path, $"The file contradicts itself: {found}; expected {expected}. Download the model again, whole.");

    /// <summary>MP1007: a name stands twice.</summary>
    public static Diagnostic Duplicate(string path, string found, string expected) =>
        Error("MP1007", path, $"A name is used twice: {found}; expected {expected}. Save the checkpoint again.");

    /// <summary>MP1008: a data type this version does not know, or cannot port.</summary>
    public static Diagnostic UnknownType(string path, string found, string expected) =>
        Error("MP1008", path, $"Unknown data type: {found}; expected {expected}. Save the checkpoint in a supported type, for instance BF16.");

    /// <summary>MP1009: a count or length in a file that no real model has.</summary>
    public static Diagnostic TooLarge(string path, string found, string expected) =>
        Error("MP1009", path, $"A length in the file is absurd: {found}; expected {expected}. The file is damaged or of another format; download it again.");

    /// <summary>MP1010: a name in a file leads out of the checkpoint's folder.</summary>
    public static Diagnostic UnsafePath(string path, string found) =>
        Error("MP1010", path, $"The file names {found}, which lies outside the checkpoint's folder. Such a file is never read; use checkpoints from a source that you trust.");

    /// <summary>MP1011: a part of a format that is valid but not supported.</summary>
    public static Diagnostic UnsupportedContent(string path, string found, string expected) =>
        Error("MP1011", path, $"Not supported: {found}; supported: {expected}. Use a checkpoint of a supported form.");

    /// <summary>MP1012: the architecture is not among the supported.</summary>
    public static Diagnostic UnsupportedArchitecture(string path, string found, IEnumerable<string> supported, string? nearest) =>
        Error("MP1012", path, $"The architecture '{found}' is not supported{(nearest is null ? "" : $" (nearest: {nearest})")}. Supported: {string.Join(", ", supported)}. Choose a checkpoint of one of these families.");

    /// <summary>MP1013: a key of config.json is missing or has no sensible value.</summary>
    public static Diagnostic ConfigKey(string path, string key, string found, string expected) =>
        Error("MP1013", path, $"'{key}': {found}; expected {expected}. Compare with the config.json that the model was published with.");

    /// <summary>MP1014: a tensor that the architecture needs is not in the checkpoint.</summary>
    public static Diagnostic TensorMissing(string path, string tensor, string? nearest) =>
        Error("MP1014", path, $"Tensor '{tensor}' is missing{(nearest is null ? "" : $" (nearest name present: '{nearest}')")}. The checkpoint is incomplete, or config.json belongs to another model; download it again, whole.");

    /// <summary>MP1015: a tensor of the checkpoint has no place in the architecture; dropping it silently would change the model.</summary>
    public static Diagnostic TensorUnmapped(string path, string tensor, string architecture) =>
        Error("MP1015", path, $"Tensor '{tensor}' has no place in a {architecture} model. Remove it if it is not part of the model, or check 'architectures' in config.json.");

    /// <summary>MP1016: a tensor's shape disagrees with config.json.</summary>
    public static Diagnostic ShapeMismatch(string path, string tensor, string found, string expected) =>
        Error("MP1016", path, $"Tensor '{tensor}' has shape {found}; config.json makes it {expected}. One of the two files belongs to another model; download the checkpoint again, whole.");

    /// <summary>MP1017: NaN or infinity among the source's values.</summary>
    public static Diagnostic NonFinite(string path, string tensor, long element, string value) =>
        Error("MP1017", path, $"Tensor '{tensor}' holds {value} at element {element.ToString(CultureInfo.InvariantCulture)}; expected finite numbers. A quantised model made from it would be broken without notice. Get an undamaged checkpoint, or repair the training run.");

    /// <summary>MP1018: the precision is unknown.</summary>
    public static Diagnostic UnknownPrecision(string file, string found, IEnumerable<string> valid, string? nearest) =>
        Error("MP1018", file, $"Precision '{found}' is unknown.{(nearest is null ? "" : $" Did you mean {nearest}?")} Use one of those valid for llama.cpp: {string.Join(", ", valid)}.");

    /// <summary>MP1019: the item's metadatum, the option or the budget is unknown.</summary>
    public static Diagnostic UnknownOption(string file, string found, IEnumerable<string> valid, string? nearest) =>
        Error("MP1019", file, $"'{found}' is no metadatum of ModelPort.{(nearest is null ? "" : $" Did you mean {nearest}?")} Use one of the valid names: {string.Join(", ", valid)}.");

    /// <summary>MP1020: an option has a value it cannot have.</summary>
    public static Diagnostic InvalidOption(string file, string option, string found, string expected) =>
        Error("MP1020", file, $"{option} is '{found}'; expected {expected}. Correct the value.");

    /// <summary>MP1021: the tokenizer files do not describe one vocabulary.</summary>
    public static Diagnostic TokenizerInvalid(string path, string found, string expected) =>
        Error("MP1021", path, $"The tokenizer cannot be carried over: {found}; expected {expected}. Download the tokenizer files again, or save them again with the library that trained the model.");

    /// <summary>MP1022: no known pre-tokenizer splits text as this tokenizer.json does.</summary>
    public static Diagnostic PreTokenizerUnknown(string path, string found, IEnumerable<string> known) =>
        Error("MP1022", path, $"llama.cpp has no pre-tokenizer that splits text as this tokenizer does ({found}); with a wrong one the model is quietly worse. Known: {string.Join(", ", known)}. If you are sure that one of them fits, set the metadatum PreTokenizer.");

    /// <summary>MP1023: a source file changed while it was read.</summary>
    public static Diagnostic SourceChanged(string path) =>
        Error("MP1023", path, "The file changed while it was read. Let whatever writes it finish, then build again.");

    /// <summary>MP1024 (warning): a key of config.json changes numbers, and the port does not carry it.</summary>
    public static Diagnostic ConfigNotCarried(string path, string key, string found, string consequence) =>
        Warning("MP1024", path, $"'{key}' is {found} and is not carried into GGUF: {consequence}. Compare with ReferenceOutputs if your application depends on it.");

    /// <summary>MP1025 (warning): the pre-tokenizer was decided from the structure of tokenizer.json, or set by hand.</summary>
    public static Diagnostic TokenizerNote(string path, string found) =>
        Warning("MP1025", path, $"{found.TrimEnd('.')}. Compare with ReferenceOutputs, or see that the measured tokenizer agreement is 100 %.");

    /// <summary>MP1026 (warning): config.json has keys that this version does not know.</summary>
    public static Diagnostic ConfigUnknown(string path, IEnumerable<string> keys) =>
        Warning("MP1026", path, $"config.json has keys that this version does not know: {string.Join(", ", keys)}. If one of them changes what the model computes, the port differs from its source; compare with ReferenceOutputs.");

    /// <summary>MP1027: the precision, or the type of a tensor, is one that llama.cpp makes only with an importance matrix.</summary>
    public static Diagnostic ImportanceNeeded(string file, string found, IEnumerable<string> valid) =>
        Error("MP1027", file, $"{found} has so few bits that it needs an importance matrix. Set the metadatum Calibration to a text, or to a matrix that llama-imatrix made; or use one that needs none: {string.Join(", ", valid)}.");

    /// <summary>MP1040: an entry of TensorPrecision is none, or its pattern cannot be used.</summary>
    public static Diagnostic TensorPattern(string file, string entry, string found) =>
        Error("MP1040", file, $"TensorPrecision has the entry '{entry}', but {found.TrimEnd('.')}. Expected a regular expression, as C++ and .NET both read it, that is searched for in GGUF names, and a type, such as 'ffn_down=Q6_K'. Correct the entry; 'modelport plan' lists the names.");

    /// <summary>MP1041: the type of a tensor is unknown.</summary>
    public static Diagnostic UnknownTensorType(string file, string found, IEnumerable<string> valid, string? nearest) =>
        Error("MP1041", file, $"Tensor type '{found}' is unknown.{(nearest is null ? "" : $" Did you mean {nearest}?")} Use one of the types of llama.cpp: {string.Join(", ", valid)}.");

    /// <summary>MP1042 (warning): an option about types decides no tensor's type.</summary>
    public static Diagnostic ChoiceWithoutEffect(string file, string option, string found) =>
        Warning("MP1042", file, $"'{option}' changes nothing: {found}. Correct it, or remove it; 'modelport plan' lists the names.");

    /// <summary>MP1050: a line of a task is no question.</summary>
    public static Diagnostic TaskInvalid(string path, int line, string found, string expected) =>
        Error("MP1050", path, $"Line {line.ToString(CultureInfo.InvariantCulture)}: {found}; expected {expected}. Correct the line, or the lines before it if they are meant.");

    /// <summary>MP1051: the model cannot be asked a question of a task.</summary>
    public static Diagnostic QuestionUnfit(string path, int line, string found, string expected) =>
        Error("MP1051", path, $"The question on line {line.ToString(CultureInfo.InvariantCulture)} does not fit the model: {found}; expected {expected}. Make the question shorter, or remove it.");

    /// <summary>MP1043: types are to be chosen for a size, and there is none.</summary>
    public static Diagnostic SizeMissing(string file) =>
        Error("MP1043", file, "Precision 'Auto' chooses types for a size, but there is none. Set MaxSize (MB of the whole file) or TargetBitsPerWeight.");

    /// <summary>MP1044: the address of the remote cache cannot be used. It is not repeated, as it may hold a password.</summary>
    public static Diagnostic RemoteAddress(string file, string found) =>
        Error("MP1044", file, $"The address in ModelPortRemoteCache cannot be used: {found}. Expected a folder, or a URL such as 'https://cache.example.com/models'. Set credentials in the environment (MODELPORT_REMOTE_CACHE_TOKEN, or MODELPORT_REMOTE_CACHE_USER and MODELPORT_REMOTE_CACHE_PASSWORD) or in your own nuget.config.");

    // MP2xxx: conversion and quantisation

    /// <summary>MP2001: the output cannot be written.</summary>
    public static Diagnostic OutputUnwritable(string path, string found) =>
        Error("MP2001", path, $"The output cannot be written: {found.TrimEnd('.')}. Check that the folder exists, is writable and is on a mounted disk.");

    /// <summary>MP2002: the disk is full.</summary>
    /// <remarks>Without a length (0) when it is not known what was to be written.</remarks>
    public static Diagnostic DiskFull(string path, long needed) =>
        Error("MP2002", path, $"There is no room for this file{(needed > 0 ? $": {Sizes.Bytes(needed)} are needed, but the disk is full or its file system has no files of that size" : ": the disk is full")}. Nothing was left behind; free space and build again.");

    /// <summary>MP2003 (warning): values outside the range of F16 became infinite.</summary>
    public static Diagnostic HalfOverflow(string path, string tensor, long count) =>
        Warning("MP2003", path, $"Tensor '{tensor}' has {count.ToString(CultureInfo.InvariantCulture)} values outside F16's range (65504); they became infinite. Use BF16 or F32 for this model.");

    /// <summary>MP2004 (warning): tensors get another type than the precision asks for, because their rows do not fit.</summary>
    public static Diagnostic FallbackType(string path, string precision, IEnumerable<string> tensors, string wanted, string used, long row, int block)
    {
        var names = tensors.ToArray();
        var which = names.Length == 1 ? $"tensor '{names[0]}' is" : string.Create(CultureInfo.InvariantCulture, $"{names.Length} tensors ('{names[0]}' and others) are");
        return Warning("MP2004", path, string.Create(CultureInfo.InvariantCulture, $"{precision}: {which} {used} instead of {wanted}, as rows of {row} values are no multiple of {block}. The file grows a little, and the manifest names them all; set ModelPortStrictPrecision=true to make this an error."));
    }

    /// <summary>MP2005: the memory budget is too small for one row slice.</summary>
    public static Diagnostic BudgetTooSmall(string file, long budget, long needed, string tensor) =>
        Error("MP2005", file, $"ModelPortMemoryBudget is {Sizes.Bytes(budget)}, but one slice of '{tensor}' needs {Sizes.Bytes(needed)}. Raise the budget or lower ModelPortThreads.");

    /// <summary>MP2006: the user stopped the run.</summary>
    public static Diagnostic Cancelled(string file) => Error("MP2006", file, "The port was cancelled; nothing half-written was left behind. Run it again to get the port.");

    /// <summary>MP2007: another process keeps the output locked.</summary>
    public static Diagnostic OutputLocked(string path) =>
        Error("MP2007", path, "Another build has been porting into this folder for too long. Wait for it or end it, then build again.");

    /// <summary>MP2008: F16 overflow, fallback types and the like are errors under ModelPortStrict, fallback types alone under ModelPortStrictPrecision.</summary>
    public static Diagnostic Strict(Diagnostic warning, string property) =>
        Error("MP2008", warning.File, $"{property} makes this warning an error: {warning.Code}: {warning.Message} Remove its cause, or set {property}=false.");

    /// <summary>MP2009: a value is beyond what the search of a type's grid can take.</summary>
    public static Diagnostic BeyondType(string path, string tensor, long element, string value, string type, string largest) =>
        Error("MP2009", path, $"Tensor '{tensor}' holds {value} at element {element.ToString(CultureInfo.InvariantCulture)}, but {type} takes values up to {largest}. Get an undamaged checkpoint, or use another precision if the value is meant.");

    /// <summary>MP2010: what cannot be divided is larger than a file may be.</summary>
    public static Diagnostic BeyondFile(string source, string precision, string what, long bytes, long limit) =>
        Error("MP2010", source, string.Create(CultureInfo.InvariantCulture, $"At {precision}, {what} needs a file of {bytes} bytes, and files may have {limit}. A tensor is never divided. Raise the limit (ModelPortMaxPackageSize, or SplitMaxSize for files alone), or choose a precision in which it is smaller."));

    /// <summary>MP2020: an activation became NaN or infinite while the calibration text was evaluated.</summary>
    public static Diagnostic ActivationNonFinite(string path, string tensor) =>
        Error("MP2020", path, $"While the calibration text was evaluated, the inputs of '{tensor}' became NaN or infinite, or their squares too large; expected finite numbers. The importance matrix would be of no use, and the model may not be either. Check that the source gives sensible output; get an undamaged checkpoint, or remove Calibration.");

    /// <summary>MP2021 (warning): the calibration text used some weights, most likely of experts, too rarely.</summary>
    public static Diagnostic FewActivations(string path, IEnumerable<string> tensors, long fewest, int needed)
    {
        var names = tensors.ToArray();
        return Warning("MP2021", path, string.Create(CultureInfo.InvariantCulture, $"The calibration used {names.Length} weights ('{names[0]}'{(names.Length > 1 ? " and others" : "")}) or some of their experts rarely, one only {fewest} times; {needed} activations are needed for figures that can be relied on, and what saw none is quantised as if all its columns weighed the same. The manifest names them. Raise CalibrationTokens, or give a longer or more varied text."));
    }

    /// <summary>MP2022: the importance matrix does not fit the model.</summary>
    public static Diagnostic MatrixMismatch(string path, string found, string expected) =>
        Error("MP2022", path, $"The importance matrix does not fit the model: {found}; expected {expected}. Give the matrix of this very model, or a text to compute it from.");

    /// <summary>MP2023: the calibration text is too short.</summary>
    public static Diagnostic CalibrationTooShort(string path, int tokens, int needed) =>
        Error("MP2023", path, $"The calibration text has {tokens.ToString(CultureInfo.InvariantCulture)} tokens; at least {needed.ToString(CultureInfo.InvariantCulture)} are needed. Give a longer text in Calibration, or set CalibrationWindow to less.");

    /// <summary>MP2024 (warning): the importance matrix has no values for tensors that are quantised.</summary>
    public static Diagnostic NotWeighed(string path, IEnumerable<string> tensors)
    {
        var names = tensors.ToArray();
        return Warning("MP2024", path, string.Create(CultureInfo.InvariantCulture, $"The importance matrix has no values for {names.Length} tensors ('{names[0]}'{(names.Length > 1 ? " and others" : "")}); they are quantised as if all their columns weighed the same. Give the matrix of this very model, or a text to compute it from."));
    }

    /// <summary>MP2025: llama.cpp cannot run the source over the calibration text.</summary>
    public static Diagnostic CalibrationFailed(string path, string found, string log) =>
        Error("MP2025", path, $"The importance matrix could not be computed: {found}.{(log.Length == 0 ? "" : $" llama.cpp said: {log.TrimEnd('.')}.")} Get an undamaged checkpoint, or remove Calibration.");

    /// <summary>MP2026 (warning): the port is measured on the text that it was calibrated with.</summary>
    public static Diagnostic SameText(string path) =>
        Warning("MP2026", path, "Calibration and Evaluation are the same text, so that the figures flatter the port. Use another text for one of them.");

    /// <summary>MP2030: nothing is small enough.</summary>
    public static Diagnostic SizeTooSmall(string path, long limit, long smallest) =>
        Error("MP2030", path, $"The port may have {Sizes.Bytes(limit)}, but with the smallest types that are chosen from it has {Sizes.Bytes(smallest)}. Raise MaxSize or TargetBitsPerWeight, or set smaller types by hand in TensorPrecision.");

    /// <summary>MP2031: the sensitivity of tensors cannot be measured.</summary>
    public static Diagnostic ChoiceFailed(string path, string found, string log) =>
        Error("MP2031", path, $"Types cannot be chosen, as llama.cpp cannot run the source: {found}.{(log.Length == 0 ? "" : $" It said: {log.TrimEnd('.')}.")} Choose a precision by name.");

    /// <summary>MP2040 (warning): the cache cannot be used.</summary>
    public static Diagnostic StoreUnusable(string path, string found) =>
        Warning("MP2040", path, $"The cache cannot be used: {found.TrimEnd('.')}. The build goes on without it, and makes everything anew. Free space or correct the folder's permissions, or set ModelPortCacheDirectory (--cache) to another folder or to 'none'.");

    /// <summary>MP2041 (warning): something in the cache was not as it had been written.</summary>
    public static Diagnostic StoreDamaged(string path) =>
        Warning("MP2041", path, "A file of the cache is not as it was written: a disk fault, or a program that wrote into an output that is a link to it. It was removed and is made again. Check the disk if this happens more than once, and the programs that write into ported files.");

    /// <summary>MP2060 (warning): the remote cache failed, and the run goes on without it.</summary>
    public static Diagnostic RemoteOff(string address, string found) =>
        Warning("MP2060", address, $"The remote cache is not used any more in this run: {found.TrimEnd('.')}. The build goes on without it. Check the address, the network and the credentials, or remove ModelPortRemoteCache.");

    /// <summary>MP2061 (warning): the remote cache holds something else than it should.</summary>
    public static Diagnostic RemoteDamaged(string address, string name, string found) =>
        Warning("MP2061", address, $"The remote cache sends for '{name}' {found}; expected the content that was stored under this name. It is not used, and replaced where this run may write. If this comes again, remove it from the server.");

    // MP3xxx: parity and gates

    /// <summary>MP3001: measured numbers miss a budget. The layer that is to blame is a sentence, or nothing.</summary>
    public static Diagnostic BudgetMissed(string path, string port, string budget, string measured, string limit, string data, string layer) =>
        Error("MP3001", path, $"{port} misses {budget}: measured {measured}, limit {limit} ({data}). {(layer.Length == 0 ? "" : layer.TrimEnd('.') + ". ")}Choose another precision, or change the limit if this is acceptable.");

    /// <summary>MP3002: parity could not be measured.</summary>
    public static Diagnostic Unmeasurable(string path, string found) =>
        Error("MP3002", path, $"Parity could not be measured: {found}. A port without numbers is not delivered; set ModelPortParity=off to build one deliberately without proof.");

    /// <summary>MP3003: the evaluation text is too short.</summary>
    public static Diagnostic EvaluationTooShort(string path, int tokens, int needed) =>
        Error("MP3003", path, $"The evaluation text has {tokens.ToString(CultureInfo.InvariantCulture)} tokens; at least {needed.ToString(CultureInfo.InvariantCulture)} are needed for a figure that means something. Give a longer text in Evaluation.");

    /// <summary>MP3004: ReferenceOutputs do not fit the model.</summary>
    public static Diagnostic ReferenceMismatch(string path, string found, string expected) =>
        Error("MP3004", path, $"ReferenceOutputs do not fit: {found}; expected {expected}. Make them with the script in docs/parity.md.");

    /// <summary>MP3005 (warning): a missed budget under ModelPortParity=warn.</summary>
    public static Diagnostic BudgetMissedWarning(Diagnostic missed) => Warning("MP3005", missed.File, missed.Message);

    /// <summary>MP3006 (warning): the port was made without measuring it.</summary>
    public static Diagnostic NotMeasured(string path) =>
        Warning("MP3006", path, "ModelPortParity is off: this port was not measured, and its manifest says so. Remove the setting to have it measured.");

    /// <summary>MP3007: llama.cpp refuses a file that was given to be measured.</summary>
    public static Diagnostic ModelRefused(string path, string found, string log) =>
        Error("MP3007", path, $"llama.cpp cannot run '{Path.GetFileName(path)}': {found}.{(log.Length == 0 ? "" : $" It said: {log.TrimEnd('.')}.")} Expected a complete model of an architecture that llama.cpp v0.5.0 knows. Port the checkpoint again, or validate another file.");

    /// <summary>MP3008: a budget limits a number that was not measured.</summary>
    public static Diagnostic BudgetNotMeasured(string path, string port, string budget, string metric, string needs) =>
        Error("MP3008", path, $"{port} cannot be judged by {budget}: {metric} was not measured; it needs {needs}. A limit that nobody checked is not kept; remove it, or give what it needs.");

    /// <summary>MP3020: a chat template is not the source's.</summary>
    public static Diagnostic TemplateChanged(string path, string name, string found, string expected) =>
        Error("MP3020", path, $"The chat template '{name}' changed: found {found}; expected {expected}. Port the checkpoint again, or correct tokenizer.chat_template.");

    /// <summary>MP3021: a special token is not one token in the port.</summary>
    public static Diagnostic SpecialTokenSplit(string path, string token, string found, string expected) =>
        Error("MP3021", path, $"The chat template names the special token '{token}', which the port reads as {found}; expected {expected}. Port the checkpoint again, or correct its tokenizer.ggml.token_type.");

    /// <summary>MP3022: the port frames a text with other tokens.</summary>
    public static Diagnostic BosChanged(string path, string how, string found, string expected) =>
        Error("MP3022", path, $"BOS is {how}: {found}; expected {expected}. Port the checkpoint again, or correct tokenizer.ggml.add_bos_token and bos_token_id.");

    /// <summary>MP3023: the port does not end a generation where the source does.</summary>
    public static Diagnostic StopTokensWrong(string path, string found, string expected) =>
        Error("MP3023", path, $"The port does not end a generation where its source does: {found}; expected {expected}. Port the checkpoint again, or correct tokenizer.ggml.eos_token_id.");

    /// <summary>MP3024 (warning): the port does not end a generation at one of several tokens.</summary>
    public static Diagnostic StopTokenMissing(string path, string tokens, string file) =>
        Warning("MP3024", path, $"llama.cpp does not end a generation at {tokens}, as {file} says. Give your application these texts as stop texts.");

    /// <summary>MP3025: the port splits the evaluation text otherwise than its source.</summary>
    public static Diagnostic TextSplitOtherwise(string path, string? difference) =>
        Error("MP3025", path, $"The port splits the evaluation text into other tokens than its source{(difference is null ? "" : $": {difference.TrimEnd('.')}")}. The figures are of the source's tokens, and do not hold for what an application will give the port. Port the checkpoint again, or correct its tokenizer.ggml.pre and the metadatum PreTokenizer.");

    /// <summary>MP3026: values of the port are not the source's.</summary>
    public static Diagnostic WeightsDiffer(string path, string found) =>
        Error("MP3026", path, $"The port's weights are not its source's: {found.TrimEnd('.')}. Expected what the type makes of the source's values. A measurement may not show it, where the text hardly uses these weights. Port the checkpoint again, or name the source that the file was made from.");

    /// <summary>MP3030 (warning): the port's tokenizer was not compared with its source's.</summary>
    public static Diagnostic TokenizerNotChecked(string path, string found) =>
        Warning("MP3030", path, $"The port's tokenizer was not compared with its source's, as a part of that is not reproduced: {found.TrimEnd('.')}. Compare the ids of some texts with those of Hugging Face's library before you use the port.");

    /// <summary>MP3031 (warning): the port splits some texts otherwise than its source.</summary>
    public static Diagnostic TokenizerDiffers(string path, string found) =>
        Warning("MP3031", path, $"The port splits text otherwise than its source: {found.TrimEnd('.')}. The model is then given what it was not trained on. Check the metadatum PreTokenizer; report this if you did not set it.");

    // MP4xxx: packing

    /// <summary>MP4001: a project is packed whose port was never made.</summary>
    public static Diagnostic NothingToPack(string project, string port, string manifest) =>
        Error("MP4001", project, $"The port '{port}' cannot be packed: there is no '{manifest}'. Expected a finished port. Build the project before you pack it with --no-build, and check that EnableModelPort and ModelPortSkip are not set.");

    /// <summary>MP4002: a port is packed that was never measured.</summary>
    public static Diagnostic PackedUnmeasured(string manifest, string port, string precision) =>
        Error("MP4002", manifest, $"The port '{port}' at {precision} cannot be packed: it was never measured, because ModelPortParity was 'off'. A package states how close its model comes to the source. Build with ModelPortParity=error and pack again.");

    /// <summary>MP4003: a port is packed that missed its budgets.</summary>
    public static Diagnostic PackedMissed(string manifest, string port, string precision, string missed) =>
        Error("MP4003", manifest, $"The port '{port}' at {precision} cannot be packed: {missed}. Choose a more exact precision, give a calibration text, or set a budget that says what you accept.");

    /// <summary>MP4004: a file that is packed is not the one that was measured.</summary>
    public static Diagnostic PackedStale(string path, string port, string found) =>
        Error("MP4004", path, $"The port '{port}' cannot be packed: {found}. Build again, and pack what was built.");

    /// <summary>MP4006: a package is made for a precision that no port has.</summary>
    public static Diagnostic PrecisionNotPorted(string project, string precision) =>
        Error("MP4006", project, $"There is nothing to pack at {precision}: no port of the project has this precision. Check the metadatum Precision of its ModelPort items, and build again.");

    // MP5xxx: packages

    /// <summary>MP5020: what is to be verified or compared is no package and no folder.</summary>
    public static Diagnostic NoPackage(string path, string found) =>
        Error("MP5020", path, $"'{path}' is no model package: {found.TrimEnd('.')}. Expected a .nupkg file, or a folder that holds ported models. Check the path, or download the package again.");

    /// <summary>MP5021: a package or folder holds no models.</summary>
    public static Diagnostic NoModels(string path) =>
        Error("MP5021", path, $"There is no ported model in '{path}'. Expected a folder with modelport.json somewhere in it. Check the path; a project has to be built first.");

    /// <summary>MP5022: records of a package are damaged.</summary>
    public static Diagnostic RecordsDisagree(string path, string found) =>
        Error("MP5022", path, $"'{Path.GetFileName(path)}' is not as it was packed: {found.TrimEnd('.')}. Download the package again.");

    /// <summary>MP5003: a file that a model's records name is missing.</summary>
    public static Diagnostic PackedFileMissing(string path, string namedBy) =>
        Error("MP5003", path, $"'{Path.GetFileName(path)}' is missing, although '{namedBy}' names it. Build again, or download the package again.");

    /// <summary>MP5004: a file of a model is not what its records say.</summary>
    public static Diagnostic PackedFileChanged(string path, string found, string expected) =>
        Error("MP5004", path, $"'{Path.GetFileName(path)}' is not as it was packed: {found}; expected {expected}. It, or the record that names it, was changed or damaged since. Build again, or download the package again.");

    /// <summary>MP5025: a part of a package is not there in the version that it depends on.</summary>
    public static Diagnostic PartMissing(string package, string part, string version, IEnumerable<string> others) =>
        Error("MP5025", package, $"'{Path.GetFileName(package)}' depends on its part {part} {version}, which is neither beside it nor restored; found {string.Join(", ", others.Select(o => $"'{o}'").DefaultIfEmpty("no other version"))}. Files of the models are in it. Restore it again, or put the package of exactly this version beside it.");

    /// <summary>MP5026: a part is another package, or of another version.</summary>
    public static Diagnostic PartOther(string path, string part, string version, string found) =>
        Error("MP5026", path, $"'{Path.GetFileName(path)}' is {found}; expected the part {part} {version}. Restore it again, or put the package of exactly this version there.");

    /// <summary>MP5030: the release before, which a package is held against, is not there.</summary>
    public static Diagnostic BaselineMissing(string project, string name, string version, string path) =>
        Error("MP5030", project, $"The release before, {name} {version}, is not at '{path}'. Restore fetches it by an item of the project: <PackageDownload Include=\"{name}\" Version=\"[{version}]\" />. Add the item and restore, or set ModelPortBaselinePath to the package; ModelPortBaselineVersion=none says that this is the first release.");

    /// <summary>MP5031: a release is worse than the one before, and nobody said why.</summary>
    public static Diagnostic ReleaseRefused(string project, string baseline, string model, string what, string old, string found, string kind, string suppressions) =>
        Error("MP5031", project, $"The release is refused: {what} of {model} was {old} in {baseline} and is {found}, {kind}. Choose a better precision, or accept it with a reason in '{suppressions}': <Suppression Model=\"{model}\" What=\"{what}\">the reason</Suppression>.");

    /// <summary>MP5032: a version number says less than what changed.</summary>
    public static Diagnostic VersionTooLow(string project, string version, string baseline, string part, string lowest, string changes) =>
        Error("MP5032", project, $"The version {version} says too little: against {baseline} this is a {part} change ({changes}). Set the version to {lowest} or higher.");

    /// <summary>MP5033: the file of accepted differences cannot be read.</summary>
    public static Diagnostic BadSuppressions(string path, string found) =>
        Error("MP5033", path, $"The accepted differences cannot be read: {found.TrimEnd('.')}. Expected <Suppressions> with elements <Suppression Model=\"a model and precision\" What=\"what differs\">the reason</Suppression>. Correct the file.");

    /// <summary>MP5034 (warning): an accepted difference is none any more.</summary>
    public static Diagnostic StaleSuppression(string path, string model, string what, string baseline) =>
        Warning("MP5034", path, $"The accepted difference '{what}' of '{model}' is none against {baseline}. Remove the entry, so that the next one is seen.");

    /// <summary>MP5035: a folder is not the source that the release before was ported from.</summary>
    public static Diagnostic BaselineSourceOther(string project, string path, string found, string baseline, string model, string expected) =>
        Error("MP5035", project, $"ModelPortBaselineSource is '{path}', whose SHA-256 is {found}; {model} of {baseline} was ported from {expected}. Set the property to the checkpoint of that release, or remove it and accept that numbers of other data cannot be compared.");

    // MP9xxx: internal

    /// <summary>MP9001: a native library is missing.</summary>
    public static Diagnostic NativeMissing(string path, string found, string expected) =>
        Error("MP9001", path, $"A native library of llama.cpp is missing: {found}; expected {expected}. Restore the ModelPort.Build package again; in the repository, run 'npm ci --ignore-scripts' in build/native. If MODELPORT_NATIVE_DIRECTORY is set, correct or remove it.");

    /// <summary>MP9002: a native library is of another version.</summary>
    public static Diagnostic NativeWrong(string path, string found, string expected) =>
        Error("MP9002", path, $"A native library of llama.cpp is not the one this version was made for: {found}; expected {expected}. Restore the ModelPort.Build package again, and do not mix libraries. If MODELPORT_NATIVE_DIRECTORY is set, correct or remove it.");

    /// <summary>MP9003: this platform has no native library.</summary>
    public static Diagnostic NativeUnsupported(string found, string expected) =>
        Error("MP9003", "", $"llama.cpp cannot run here: {found}; supported: {expected}. Build on a supported platform, or set MODELPORT_NATIVE_DIRECTORY to a folder with llama.cpp v0.5.0.");

    /// <summary>MP9004: an engine refused or failed.</summary>
    public static Diagnostic EngineFailed(string path, string engine, string found, string log) =>
        Error("MP9004", path, $"{engine} failed: {found.TrimEnd('.')}.{Said(log)} Please report this with the manifest.");

    /// <summary>MP9009: the request that the build sent cannot be read.</summary>
    public static Diagnostic BadRequest(string path, string found) =>
        Error("MP9009", path, $"The request file cannot be used: {found}. The task and the tool come from different versions; clean and restore again.");

    /// <summary>MP9999: a fault of ModelPort itself.</summary>
    public static Diagnostic Internal(string file, Exception exception) =>
        Error("MP9999", file, $"A fault in ModelPort: {exception.GetType().Name}: {exception.Message} Please report it with this text: {exception.StackTrace?.ReplaceLineEndings(" | ")}");

    /// <summary>The diagnostic of an exception that a lower room threw.</summary>
    /// <param name="exception">Any exception.</param>
    /// <param name="file">The file that was worked on, when the exception names none.</param>
    public static Diagnostic From(Exception exception, string file) => exception switch
    {
        ModelPortException known => known.Diagnostic,
        PortedModelException ported => Error(ported.Code, ported.File, ported.Finding),
        InvalidModelFileException invalid => From(invalid),
        EngineException { Engine: OnnxSession.EngineName } engine => FromOnnx(engine, file),
        EngineException engine => From(engine, file),
        OperationCanceledException => Cancelled(file),
        IOException io when IsDiskFull(io) => DiskFull(file, 0),
        UnauthorizedAccessException or IOException => OutputUnwritable(file, exception.Message),
        _ => Internal(file, exception),
    };

    /// <summary>Whether an I/O error means that the disk, or the user's quota, is full.</summary>
    public static bool IsDiskFull(IOException exception)
    {
        const int NoSpaceUnix = 28;
        const int QuotaUnix = 122;
        const int HandleDiskFullWindows = unchecked((int)0x80070027);
        const int DiskFullWindows = unchecked((int)0x80070070);
        return exception.HResult is NoSpaceUnix or QuotaUnix or HandleDiskFullWindows or DiskFullWindows;
    }

    private static Diagnostic From(InvalidModelFileException e)
    {
        var found = e.Member is null ? e.Found : $"{e.Found} ('{e.Member}')";
        return e.Fault switch
        {
            FileFault.Missing => FileMissing(e.Path, e.Expected),
            FileFault.Unreadable => Unreadable(e.Path, found),
            FileFault.Truncated => Truncated(e.Path, found, e.Expected),
            FileFault.TooLarge => TooLarge(e.Path, found, e.Expected),
            FileFault.Inconsistent => Inconsistent(e.Path, found, e.Expected),
            FileFault.Duplicate => Duplicate(e.Path, found, e.Expected),
            FileFault.UnknownType => UnknownType(e.Path, found, e.Expected),
            FileFault.Unsupported => UnsupportedContent(e.Path, found, e.Expected),
            FileFault.UnsafePath => UnsafePath(e.Path, found),
            _ => Malformed(e.Path, found, e.Expected),
        };
    }

    private static Diagnostic From(EngineException e, string file)
    {
        var path = e.Path ?? file;
        var said = string.Join(" ", e.NativeLog);
        // A model that was refused is a temporary file, gone when the message is read: the source is what the user can act on.
        var model = file.Length > 0 ? file : path;
        return e.Fault switch
        {
            EngineFault.LibraryMissing => NativeMissing(path, e.Found, e.Expected),
            EngineFault.LibraryWrong => NativeWrong(path, e.InnerException is { } cause ? $"{e.Found} ({cause.Message.TrimEnd('.')})" : e.Found, e.Expected),
            EngineFault.PlatformUnsupported => NativeUnsupported(e.Found, e.Expected),
            EngineFault.ModelRefused => Unmeasurable(model, said.Length == 0 ? e.Found : $"{e.Found} ({said})"),
            _ => EngineFailed(model, e.Engine, e.Found, said),
        };
    }

    private static Diagnostic Error(string code, string file, string message) => new(code, DiagnosticSeverity.Error, file, OneLine(message));

    private static Diagnostic Warning(string code, string file, string message) => new(code, DiagnosticSeverity.Warning, file, OneLine(message));

    // Names and values come from files: a message must not carry their control characters or their megabytes.
    private static string OneLine(string message)
    {
        const int Longest = 4000;
        var text = message.Length <= Longest ? message : string.Concat(message.AsSpan(0, Longest), "...");
        return string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
    }
}
