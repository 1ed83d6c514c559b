using System.Collections.Immutable;

namespace ModelPort.Formats.Tokenizers;

/// <summary>What a SentencePiece piece is for (sentencepiece_model.proto, ModelProto.SentencePiece.Type).</summary>
public enum SentencePieceType
{
    /// <summary>Ordinary text.</summary>
    Normal = 1,

    /// <summary>What stands for unknown text.</summary>
    Unknown = 2,

    /// <summary>Control information that never occurs in text.</summary>
    Control = 3,

    /// <summary>Text that is always one piece.</summary>
    UserDefined = 4,

    /// <summary>Never produced.</summary>
    Unused = 5,

    /// <summary>One byte, spelled like &lt;0x0A&gt;.</summary>
    Byte = 6,
}

/// <summary>The algorithm of a SentencePiece model (sentencepiece_model.proto, TrainerSpec.ModelType).</summary>
public enum SentencePieceAlgorithm
{
    /// <summary>Unigram language model.</summary>
    Unigram = 1,

    /// <summary>Byte-pair encoding; scores are negative merge ranks.</summary>
    Bpe = 2,

    /// <summary>Whole words.</summary>
    Word = 3,

    /// <summary>Single characters.</summary>
    Char = 4,
}

/// <summary>An entry of a SentencePiece vocabulary; its index is its id.</summary>
/// <param name="Text">The piece's text; U+2581 stands for a space.</param>
/// <param name="Score">Log-probability or negative merge rank.</param>
/// <param name="Type">What the piece is for.</param>
public readonly record struct SentencePiece(string Text, float Score, SentencePieceType Type);

/// <summary>A tokenizer.model file of SentencePiece (the message ModelProto of sentencepiece_model.proto).</summary>
public sealed class SentencePieceModel
{
    private const int MaxLength = 512 * 1024 * 1024;

    internal SentencePieceModel(string path) => Path = path;

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The vocabulary by id; texts are unique and not empty.</summary>
    public ImmutableArray<SentencePiece> Pieces { get; internal set; } = [];

    /// <summary>The algorithm.</summary>
    public SentencePieceAlgorithm ModelType { get; internal set; } = SentencePieceAlgorithm.Unigram;

    /// <summary>The id of the unknown piece, or -1.</summary>
    public int UnknownId { get; internal set; } = -1;

    /// <summary>The id of the control piece that begins a text, or -1.</summary>
    public int BosId { get; internal set; } = -1;

    /// <summary>The id of the control piece that ends a text, or -1.</summary>
    public int EosId { get; internal set; } = -1;

    /// <summary>The id of the control piece for padding, or -1.</summary>
    public int PadId { get; internal set; } = -1;

    /// <summary>Whether a space is put before the text.</summary>
    public bool AddDummyPrefix { get; internal set; } = true;

    /// <summary>Whether spaces at the ends and repeated ones are removed.</summary>
    public bool RemoveExtraWhitespaces { get; internal set; } = true;

    /// <summary>Whether spaces are spelled U+2581.</summary>
    public bool EscapeWhitespaces { get; internal set; } = true;

    /// <summary>Whether the space that <see cref="AddDummyPrefix"/> asks for, and those that pieces carry, stand behind the words.</summary>
    public bool WhitespaceIsSuffix { get; internal set; }

    /// <summary>Whether unknown characters become byte pieces.</summary>
    public bool ByteFallback { get; internal set; }

    /// <summary>The compiled normalisation rules; empty for the identity.</summary>
    public ReadOnlyMemory<byte> PrecompiledCharsMap { get; internal set; }

    /// <summary>Reads a tokenizer.model.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or is no SentencePiece model.</exception>
    public static SentencePieceModel Open(string path) => new SentencePieceReader(path).Read(SourceFile.ReadAll(path, MaxLength));
}
