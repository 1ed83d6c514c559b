using ModelPort.Checkpoints;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Parity.Behaviour;

/// <summary>
/// What numbers do not show: whether an application that formats a conversation with the port's own template, adds BOS as the port says and stops where the
/// port stops does what the source's authors meant. The source's side is read from its files, the port's side is asked of llama.cpp.
/// </summary>
public static class BehaviourChecks
{
    /// <summary>Makes all checks.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="metadata">The header of the port's file.</param>
    /// <param name="vocabulary">The port's vocabulary, as llama.cpp has loaded it.</param>
    /// <returns>At least one finding for each check.</returns>
    public static IReadOnlyList<BehaviourFinding> Make(Checkpoint checkpoint, GgufMetadata metadata, LlamaVocabulary vocabulary)
    {
        var source = SourceBehaviour.Read(checkpoint, vocabulary.Size);
        return
        [
            .. ChatTemplateCheck.Make(source, metadata),
            SpecialTokenCheck.Make(source, vocabulary),
            BosCheck.Make(source, vocabulary),
            .. StopTokenCheck.Make(source, vocabulary),
        ];
    }
}
