using System.Text;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>
/// SentencePiece's byte-pair encoding (its bpe_model.cc): neighbours are merged whose joined text is a piece, always those with the highest score and of
/// equal ones the leftmost. User-defined pieces are found first and never merged; pieces out of use are taken apart again. Safe to use from any thread.
/// </summary>
internal sealed class ScoredMerger
{
    private const int Gone = -1;

    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _pieces = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly ILookup<char, string> _userDefined;

    /// <summary>Takes a model.</summary>
    public ScoredMerger(SentencePieceModel model)
    {
        _model = model;
        for (var id = 0; id < model.Pieces.Length; id++)
        {
            if (model.Pieces[id].Type is SentencePieceType.Normal or SentencePieceType.UserDefined or SentencePieceType.Unused)
            {
                _pieces.Add(model.Pieces[id].Text, id);
            }
        }

        _lookup = _pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        _userDefined = model.Pieces.Where(p => p.Type == SentencePieceType.UserDefined).Select(p => p.Text).OrderByDescending(t => t.Length).ToLookup(t => t[0]);
    }

    /// <summary>The pieces of a text, in order, with their ids; -1 for what is no piece.</summary>
    public IEnumerable<(string Text, int Id)> Merge(string text)
    {
        var symbols = Characters(text);
        var queue = new PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)>(Comparer<(float Score, int Left)>.Create(
            (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left)));
        var parts = new Dictionary<string, (string Left, string Right)>(StringComparer.Ordinal);
        void Enqueue(int left, int right)
        {
            if (left < 0 || right < 0 || symbols[left].Frozen || symbols[right].Frozen)
            {
                return;
            }

            var joined = text.AsSpan(symbols[left].Start, symbols[left].Length + symbols[right].Length);
            if (_lookup.TryGetValue(joined, out var piece, out var id))
            {
                queue.Enqueue((left, right, joined.Length), (_model.Pieces[id].Score, left));
                if (_model.Pieces[id].Type == SentencePieceType.Unused)
                {
                    parts[piece] = (text.Substring(symbols[left].Start, symbols[left].Length), text.Substring(symbols[right].Start, symbols[right].Length));
                }
            }
        }

        for (var i = 1; i < symbols.Count; i++)
        {
            Enqueue(i - 1, i);
        }

        while (queue.TryDequeue(out var top, out _))
        {
            var (left, right) = (symbols[top.Left], symbols[top.Right]);
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != top.Length)
            {
                continue;
            }

            symbols[top.Left] = left with { Length = top.Length, Next = right.Next };
            symbols[top.Right] = right with { Length = 0 };
            if (right.Next != Gone)
            {
                symbols[right.Next] = symbols[right.Next] with { Previous = top.Left };
            }

            Enqueue(left.Previous, top.Left);
            Enqueue(top.Left, right.Next);
        }

        return symbols.Where(s => s.Length > 0).SelectMany(s => InUse(text.Substring(s.Start, s.Length), parts));
    }

    private List<Symbol> Characters(string text)
    {
        var symbols = new List<Symbol>(text.Length);
        for (var start = 0; start < text.Length;)
        {
            var defined = _userDefined[text[start]].FirstOrDefault(u => text.AsSpan(start).StartsWith(u, StringComparison.Ordinal));
            var length = defined?.Length ?? Rune.GetRuneAt(text, start).Utf16SequenceLength;
            symbols.Add(new Symbol(start, length, symbols.Count - 1, start + length < text.Length ? symbols.Count + 1 : Gone, defined is not null));
            start += length;
        }

        return symbols;
    }

    private IEnumerable<(string Text, int Id)> InUse(string text, Dictionary<string, (string Left, string Right)> parts)
    {
        var id = _pieces.GetValueOrDefault(text, Gone);
        return id != Gone && _model.Pieces[id].Type == SentencePieceType.Unused && parts.TryGetValue(text, out var pair)
            ? InUse(pair.Left, parts).Concat(InUse(pair.Right, parts))
            : [(text, id)];
    }

    private readonly record struct Symbol(int Start, int Length, int Previous, int Next, bool Frozen);
}
