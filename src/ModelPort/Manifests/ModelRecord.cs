using System.Security.Cryptography;
using System.Text;
using ModelPort.Formats.Gguf;

namespace ModelPort.Manifests;

/// <summary>What applications depend on beside the numbers: the same in every precision of a model.</summary>
/// <param name="Architecture">The engine's name of the architecture, <c>general.architecture</c>.</param>
/// <param name="ContextLength">Tokens of context that the model was made for; null when its header does not say.</param>
/// <param name="TokenizerSha256">Null for a model without one. SHA-256 over all that decides how text is split: every <c>tokenizer.</c> key but the chat templates, as lines "key NUL values LF".</param>
/// <param name="ChatTemplateSha256">SHA-256 of the chat templates, in the same form; null when there are none.</param>
public sealed record ModelRecord(string Architecture, long? ContextLength, string? TokenizerSha256, string? ChatTemplateSha256)
{
    /// <summary>What goes into an ONNX model; null for other models.</summary>
    public IReadOnlyList<PinRecord>? Inputs { get; init; }

    /// <summary>What comes out of an ONNX model; null for other models.</summary>
    public IReadOnlyList<PinRecord>? Outputs { get; init; }

    private const string Prefix = "tokenizer.";
    private const string Template = "tokenizer.chat_template";

    /// <summary>Reads a header.</summary>
    public static ModelRecord Of(GgufMetadata header)
    {
        var architecture = header.TryGetString("general.architecture", out var name) ? name : "";
        return new ModelRecord(
            architecture,
            header.TryGetInt64(architecture + ".context_length", out var context) ? context : null,
            Hash(header, key => key.StartsWith(Prefix, StringComparison.Ordinal) && !key.StartsWith(Template, StringComparison.Ordinal)),
            Hash(header, key => key.StartsWith(Template, StringComparison.Ordinal)));
    }

    private static string? Hash(GgufMetadata header, Func<string, bool> belongs)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var any = false;
        foreach (var (key, value) in header.Where(k => belongs(k.Key)).OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            any = true;
            Append(key + "\0");
            if (value.Type == GgufValueType.Array)
            {
                for (var i = 0; i < value.Count; i++)
                {
                    Append(value.ElementText(i) + "\0");
                }
            }
            else
            {
                Append(value.ToString());
            }

            Append("\n");
        }

        return any ? Convert.ToHexStringLower(sha.GetHashAndReset()) : null;

        void Append(string? text) => sha.AppendData(Encoding.UTF8.GetBytes(text ?? ""));
    }
}
