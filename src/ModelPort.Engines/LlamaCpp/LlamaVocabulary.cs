using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>The vocabulary and tokeniser of a model. Safe to use from any thread.</summary>
public sealed class LlamaVocabulary
{
    private const int None = 0;
    private const int SentencePiece = 1;

    private readonly LlamaModelHandle _model;
    private readonly string _path;
    private readonly nint _vocabulary;
    private readonly int _type;
    private readonly Lazy<ByteFallback> _fallback;

    internal LlamaVocabulary(LlamaModelHandle model, string path)
    {
        _model = model;
        _path = path;
        _vocabulary = LlamaNative.ModelVocabulary(model);
        _type = LlamaNative.VocabularyType(_vocabulary);
        Size = LlamaNative.VocabularySize(_vocabulary);
        Bos = LlamaNative.Bos(_vocabulary);
        Eos = LlamaNative.Eos(_vocabulary);
        Eot = LlamaNative.Eot(_vocabulary);
        AddBos = LlamaNative.AddBos(_vocabulary) != 0;
        AddEos = LlamaNative.AddEos(_vocabulary) != 0;
        _fallback = new(() => new ByteFallback(this));
    }

    /// <summary>The number of tokens; ids run from 0 to one less.</summary>
    public int Size { get; }

    /// <summary>The token that begins a text, or -1.</summary>
    public int Bos { get; }

    /// <summary>The token that ends a text, or -1.</summary>
    public int Eos { get; }

    /// <summary>The token that ends a turn, or -1.</summary>
    public int Eot { get; }

    /// <summary>Whether the model wants <see cref="Bos"/> before a text.</summary>
    public bool AddBos { get; }

    /// <summary>Whether the model wants <see cref="Eos"/> after a text.</summary>
    public bool AddEos { get; }

    /// <summary>Turns text into token ids.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Adds the tokens that the model wants around a text.</param>
    /// <param name="parseSpecial">Reads the spelling of a control token as that token.</param>
    /// <exception cref="EngineException">The model has no tokeniser, or the vocabulary cannot spell the text.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public unsafe int[] Tokenize(string text, bool addSpecial, bool parseSpecial)
    {
        using var lease = new HandleLease(_model);
        RequireTokeniser();
        if (addSpecial && ((AddBos && Bos < 0) || (AddEos && Eos < 0)))
        {
            throw Fail(
                "the model wants a begin or end token around a text, and its vocabulary has none", "tokenizer.ggml.bos_token_id and eos_token_id");
        }

        if (_type == SentencePiece && _fallback.Value.FirstUnspeakable(text) is { } rune)
        {
            throw Fail($"the vocabulary has no token for U+{rune.Value:X4} and none for its bytes", "256 byte tokens <0x00> to <0xFF>");
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        var tokens = new int[bytes.Length + 8];
        while (true)
        {
            int count;
            fixed (byte* start = bytes)
            fixed (int* target = tokens)
            {
                count = LlamaNative.Tokenize(
                    _vocabulary, start, bytes.Length, target, tokens.Length, addSpecial ? (byte)1 : (byte)0, parseSpecial ? (byte)1 : (byte)0);
            }

            if (count >= 0)
            {
                return tokens[..count];
            }

            if (count == int.MinValue || -count <= tokens.Length)
            {
                throw Fail($"llama.cpp cannot tokenise a text of {bytes.Length} bytes", "a shorter text");
            }

            tokens = new int[-count];
        }
    }

    /// <summary>Turns token ids into text. Bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="tokens">The ids.</param>
    /// <param name="removeSpecial">Drops the tokens that the model adds around a text.</param>
    /// <param name="unparseSpecial">Spells control tokens.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    /// <exception cref="EngineException">The model has no tokeniser.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public unsafe string Detokenize(ReadOnlySpan<int> tokens, bool removeSpecial = false, bool unparseSpecial = false)
    {
        using var lease = new HandleLease(_model);
        RequireTokeniser();
        foreach (var token in tokens)
        {
            RequireToken(token);
        }

        var buffer = new byte[(tokens.Length * 8) + 64];
        while (true)
        {
            int length;
            fixed (int* start = tokens)
            fixed (byte* target = buffer)
            {
                length = LlamaNative.Detokenize(
                    _vocabulary, start, tokens.Length, target, buffer.Length, removeSpecial ? (byte)1 : (byte)0, unparseSpecial ? (byte)1 : (byte)0);
            }

            if (length >= 0)
            {
                return Encoding.UTF8.GetString(buffer, 0, length);
            }

            if (length == int.MinValue || -length <= buffer.Length)
            {
                throw Fail($"llama.cpp cannot spell {tokens.Length} tokens", "fewer tokens");
            }

            buffer = new byte[-length];
        }
    }

    /// <summary>The token as the file spells it ("▁the", "Ġthe", "&lt;0x0A&gt;").</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public unsafe string TokenText(int token)
    {
        using var lease = new HandleLease(_model);
        RequireTokeniser();
        RequireToken(token);
        return Marshal.PtrToStringUTF8((nint)LlamaNative.TokenText(_vocabulary, token)) ?? "";
    }

    /// <summary>The token's score in the file; what it means depends on the kind of vocabulary.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public float TokenScore(int token)
    {
        using var lease = new HandleLease(_model);
        RequireTokeniser();
        RequireToken(token);
        return LlamaNative.TokenScore(_vocabulary, token);
    }

    /// <summary>What the token is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public LlamaTokenAttributes TokenAttributes(int token)
    {
        using var lease = new HandleLease(_model);
        RequireTokeniser();
        RequireToken(token);
        return (LlamaTokenAttributes)LlamaNative.TokenAttributes(_vocabulary, token);
    }

    /// <summary>Whether generation ends with this token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public bool IsEndOfGeneration(int token)
    {
        using var lease = new HandleLease(_model);
        RequireToken(token);
        return LlamaNative.IsEndOfGeneration(_vocabulary, token) != 0;
    }

    private void RequireToken(int token)
    {
        if ((uint)token >= (uint)Size)
        {
            throw new ArgumentOutOfRangeException(nameof(token), token, $"The vocabulary has {Size} tokens.");
        }
    }

    private void RequireTokeniser()
    {
        if (_type == None)
        {
            throw Fail("the model has no tokeniser (tokenizer.ggml.model is 'none')", "a model with a vocabulary");
        }
    }

    private EngineException Fail(string found, string expected) => new(EngineFault.TokenizeFailed, _path, found, expected, null);

    /// <summary>
    /// Which characters a SentencePiece vocabulary can spell: as a token, or byte by byte. llama.cpp ends the process on any other.
    /// </summary>
    private sealed class ByteFallback
    {
        private const int Blank = 0x2581;

        private readonly bool[] _bytes = new bool[256];
        private readonly HashSet<int> _runes = [];

        public ByteFallback(LlamaVocabulary vocabulary)
        {
            for (var id = 0; id < vocabulary.Size; id++)
            {
                var text = vocabulary.TokenText(id);
                if (Rune.TryGetRuneAt(text.Length == 0 ? "\0" : text, 0, out var rune) && rune.Utf16SequenceLength == text.Length)
                {
                    _runes.Add(rune.Value);
                }
                else if (text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal)
                    && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                    && text == $"<0x{value:X2}>")
                {
                    _bytes[value] = true;
                }
            }
        }

        public Rune? FirstUnspeakable(string text)
        {
            if (Array.TrueForAll(_bytes, known => known))
            {
                return null;
            }

            // A blank becomes U+2581 before the lookup, and one may be put before the text.
            foreach (var rune in (" " + text).EnumerateRunes())
            {
                var spelled = rune.Value == ' ' ? new Rune(Blank) : rune;
                if (!_runes.Contains(spelled.Value) && !HasBytes(spelled))
                {
                    return rune;
                }
            }

            return null;
        }

        private bool HasBytes(Rune rune)
        {
            Span<byte> utf8 = stackalloc byte[4];
            foreach (var unit in utf8[..rune.EncodeToUtf8(utf8)])
            {
                if (!_bytes[unit])
                {
                    return false;
                }
            }

            return true;
        }
    }
}
