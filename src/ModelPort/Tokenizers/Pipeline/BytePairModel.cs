using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>
/// Byte-pair encoding: the characters of a word are merged, always the pair with the lowest rank and of equal ones the leftmost, until no pair has a
/// rank. A heap keeps the pairs, so that a word of n characters takes n log n steps. Safe to use from any thread.
/// </summary>
internal sealed class BytePairModel
{
    private const int MostWords = 10_000;
    private const int LongestWord = 256;

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabulary;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Result)> _merges;
    private readonly int[]? _bytes;
    private readonly string? _unknown;
    private readonly int _unknownId;
    private readonly bool _fusesUnknown;
    private readonly bool _ignoresMerges;
    private readonly string _prefix;
    private readonly string _suffix;
    private readonly ConcurrentDictionary<string, int[]> _words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _knownWords;
    private int _wordCount;

    /// <summary>Takes the model of a tokenizer.json.</summary>
    /// <exception cref="TokenizerUncheckedException">It is no BPE model, or drops merges at random.</exception>
    public BytePairModel(TokenizerJson json)
    {
        if (json.ModelType != "BPE")
        {
            throw new TokenizerUncheckedException($"model {json.ModelType}", "only BPE is reproduced");
        }

        if (json.Dropout != 0)
        {
            throw new TokenizerUncheckedException("model BPE", "dropout leaves out merges at random");
        }

        var vocabulary = new Dictionary<string, int>(json.Vocabulary, StringComparer.Ordinal);
        _vocabulary = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _prefix = json.ContinuingSubwordPrefix ?? "";
        _suffix = json.EndOfWordSuffix ?? "";
        _merges = new(json.Merges.Length);
        for (var rank = 0; rank < json.Merges.Length; rank++)
        {
            var (left, right) = json.Merges[rank];
            // Of two merges of one pair the later counts.
            _merges[(vocabulary[left], vocabulary[right])] = (rank, vocabulary[left + right[Math.Min(_prefix.Length, right.Length)..]]);
        }

        _bytes = json.ByteFallback ? [.. Enumerable.Range(0, 256).Select(b => vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1))] : null;
        _unknown = json.UnknownToken;
        _unknownId = _unknown is null ? -1 : vocabulary.GetValueOrDefault(_unknown, -1);
        _fusesUnknown = json.FuseUnknown;
        _ignoresMerges = json.IgnoreMerges;
        _knownWords = _words.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Adds the ids of a word.</summary>
    /// <param name="word">The word; not empty.</param>
    /// <param name="ids">Where to.</param>
    /// <param name="workspace">Memory that is used again and again.</param>
    /// <exception cref="TokenizerUncheckedException">The word needs an unknown token that the vocabulary lacks.</exception>
    public void Encode(ReadOnlySpan<char> word, List<int> ids, Workspace workspace)
    {
        if (_ignoresMerges && _vocabulary.TryGetValue(word, out var whole))
        {
            ids.Add(whole);
            return;
        }

        if (_knownWords.TryGetValue(word, out var known))
        {
            ids.AddRange(known);
            return;
        }

        var first = ids.Count;
        workspace.Clear();
        Spell(word, workspace);
        workspace.Merge(_merges);
        workspace.CopyTo(ids);
        // Counting the dictionary itself would take all of its locks.
        if (word.Length < LongestWord && _wordCount < MostWords && _words.TryAdd(word.ToString(), [.. CollectionsMarshal.AsSpan(ids)[first..]]))
        {
            Interlocked.Increment(ref _wordCount);
        }
    }

    /// <summary>The tokens of the word's characters, its bytes or the unknown token where the vocabulary lacks one.</summary>
    private void Spell(ReadOnlySpan<char> word, Workspace workspace)
    {
        var unknowns = 0;
        Span<byte> utf8 = stackalloc byte[4];
        for (var start = 0; start < word.Length;)
        {
            Rune.DecodeFromUtf16(word[start..], out var rune, out var length);
            var end = start + length;
            var isPlain = (start == 0 || _prefix.Length == 0) && (end < word.Length || _suffix.Length == 0);
            var character = isPlain ? word[start..end] : $"{(start == 0 ? "" : _prefix)}{rune}{(end < word.Length ? "" : _suffix)}";
            start = end;
            if (_vocabulary.TryGetValue(character, out var id))
            {
                workspace.AddUnknown(ref unknowns, _unknownId);
                workspace.Add(id);
            }
            else if (_bytes is not null && TryBytes(isPlain ? utf8[..rune.EncodeToUtf8(utf8)] : Encoding.UTF8.GetBytes(character.ToArray()), workspace))
            {
                // Unknown characters before these come behind them, until the next known one: so does the original.
            }
            else if (_unknown is not null)
            {
                if (_unknownId < 0)
                {
                    throw new TokenizerUncheckedException("model BPE", $"the unknown token '{_unknown}' is not in the vocabulary");
                }

                if (!_fusesUnknown)
                {
                    workspace.AddUnknown(ref unknowns, _unknownId);
                }

                unknowns++;
            }
        }

        workspace.AddUnknown(ref unknowns, _unknownId);
    }

    private bool TryBytes(ReadOnlySpan<byte> utf8, Workspace workspace)
    {
        foreach (var unit in utf8)
        {
            if (_bytes![unit] < 0)
            {
                return false;
            }
        }

        foreach (var unit in utf8)
        {
            workspace.Add(_bytes![unit]);
        }

        return true;
    }

    /// <summary>The tokens of a word while they are merged. For one thread at a time.</summary>
    public sealed class Workspace
    {
        private const int Gone = -1;
        private const int End = -1;

        private readonly List<(int Id, int Previous, int Next)> _symbols = [];
        private readonly PriorityQueue<(int Position, int Result), long> _queue = new();

        /// <summary>Begins another word.</summary>
        public void Clear() => _symbols.Clear();

        /// <summary>Adds a token at the end.</summary>
        public void Add(int id)
        {
            var position = _symbols.Count;
            if (position > 0)
            {
                _symbols[^1] = _symbols[^1] with { Next = position };
            }

            _symbols.Add((id, position - 1, End));
        }

        /// <summary>Adds the unknown token once when unknown characters are waiting, and clears their count.</summary>
        public void AddUnknown(ref int waiting, int id)
        {
            if (waiting > 0)
            {
                Add(id);
                waiting = 0;
            }
        }

        /// <summary>Merges until no pair has a rank.</summary>
        public void Merge(Dictionary<(int Left, int Right), (int Rank, int Result)> merges)
        {
            for (var position = 0; position + 1 < _symbols.Count; position++)
            {
                Enqueue(merges, position, position + 1);
            }

            while (_queue.TryDequeue(out var top, out _))
            {
                var (left, previous, next) = _symbols[top.Position];
                // What is in the queue may be over: a part of it was merged with another neighbour meanwhile.
                if (left == Gone || next == End || !merges.TryGetValue((left, _symbols[next].Id), out var merge) || merge.Result != top.Result)
                {
                    continue;
                }

                var behind = _symbols[next].Next;
                _symbols[top.Position] = (top.Result, previous, behind);
                _symbols[next] = (Gone, End, End);
                if (previous != End)
                {
                    Enqueue(merges, previous, top.Position);
                }

                if (behind != End)
                {
                    _symbols[behind] = _symbols[behind] with { Previous = top.Position };
                    Enqueue(merges, top.Position, behind);
                }
            }
        }

        /// <summary>Adds the tokens that are left.</summary>
        public void CopyTo(List<int> ids)
        {
            foreach (var (id, _, _) in _symbols)
            {
                if (id != Gone)
                {
                    ids.Add(id);
                }
            }
        }

        private void Enqueue(Dictionary<(int Left, int Right), (int Rank, int Result)> merges, int left, int right)
        {
            if (merges.TryGetValue((_symbols[left].Id, _symbols[right].Id), out var merge))
            {
                _queue.Enqueue((left, merge.Result), (long)merge.Rank << 32 | (uint)left);
            }
        }
    }
}
