namespace ModelPort.Runtime;

/// <summary>A ported model that cannot be used: it is not there, or not as it was packed.</summary>
public sealed class PortedModelException : IOException
{
    private PortedModelException(string code, string file, string message, Exception? inner = null)
        : base($"{code}: {message}", inner)
    {
        Code = code;
        File = file;
        Finding = message;
    }

    /// <summary>The code, <c>MP5001</c> to <c>MP5005</c>; docs/errors.md has a section for each.</summary>
    public string Code { get; }

    /// <summary>The file or folder it is about, as an absolute path.</summary>
    public string File { get; }

    /// <summary>The message without its code.</summary>
    internal string Finding { get; }

    internal static PortedModelException NotFound(string name, IReadOnlyList<string> folders, IReadOnlyList<string> found) => new(
        "MP5001",
        folders[0],
        $"There is no ported model '{name}' beside the application. Looked for models/{name}/modelport.json in {string.Join(", ", folders.Select(f => $"'{f}'"))}; found {(found.Count == 0 ? "no model" : string.Join(", ", found))}. " +
        $"Reference the package or project that ports it, or set {PortedModels.FolderVariable} to the folder that holds the models.");

    internal static PortedModelException Manifest(string path, string found, Exception? inner = null) => new(
        "MP5002",
        path,
        $"'{path}' is no manifest that this version can read: {found}. Expected the modelport.json of a ported model. Build again, or restore the package again.",
        inner);

    internal static PortedModelException Missing(string path, string manifest) => new(
        "MP5003",
        path,
        $"'{path}' is missing, although '{manifest}' names it. A part of the model was not copied or was deleted. Build again, or restore the package again.");

    internal static PortedModelException Damaged(string path, string found, string expected) => new(
        "MP5004",
        path,
        $"'{path}' is not as it was ported: {found}; expected {expected}. It was changed or damaged since. Build again, or clear the package's folder and restore it again.");

    internal static PortedModelException UnknownPrecision(string model, string precision, IEnumerable<string> known) => new(
        "MP5005",
        model,
        $"'{model}' was not ported to {(precision.Length == 0 ? "one precision alone" : precision)}. Its precisions: {string.Join(", ", known)}. Name one of them.");
}
