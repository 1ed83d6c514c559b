using System.Text.RegularExpressions;

namespace ModelPort.Planning;

/// <summary>
/// A regular expression that is searched for in tensor names, as llama-quantize's --tensor-type does with C++'s default grammar (ECMAScript,
/// case-sensitive). Only what C++ and .NET read alike is taken: a pattern must not mean one thing here and another there.
/// </summary>
internal sealed class NamePattern
{
    // Names have at most 63 characters: a search that takes longer backtracks without end.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Regex _expression;

    private NamePattern(Regex expression) => _expression = expression;

    /// <summary>Reads a pattern.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="fault">What is wrong with it, when it cannot be used.</param>
    /// <returns>The pattern, or null.</returns>
    public static NamePattern? TryParse(string text, out string fault)
    {
        fault = text.Length == 0 ? "it is empty" : Unlike(text) ?? "";
        if (fault.Length > 0)
        {
            return null;
        }

        try
        {
            return new NamePattern(new Regex(text, RegexOptions.ECMAScript, Patience));
        }
        catch (ArgumentException e)
        {
            fault = e.Message.TrimEnd('.');
            return null;
        }
    }

    /// <summary>Whether the expression is found in a name.</summary>
    /// <exception cref="RegexMatchTimeoutException">The search takes too long.</exception>
    public bool IsIn(string name) => _expression.IsMatch(name);

    /// <summary>The first part that C++ and .NET do not read alike, in words; null when there is none.</summary>
    private static string? Unlike(string text)
    {
        // For each open group whether it only looks ahead: what takes no characters cannot be repeated in C++.
        var lookahead = new Stack<bool>();
        var takesNothing = false;
        for (var at = 0; at < text.Length; at++)
        {
            var start = at;
            var fault = text[at] switch
            {
                '\\' => OfEscape(text, ref at, inClass: false),
                '[' => OfClass(text, ref at),
                '(' => OfGroup(text, ref at, lookahead),
                '{' when !IsCount(text.AsSpan(at + 1)) => "'{' without a count such as {2} or {1,3}; write \\{ for the character",
                '*' or '+' or '?' or '{' when takesNothing => $"'{text[at]}' repeats what takes no characters",
                _ => null,
            };
            if (fault is not null)
            {
                return fault;
            }

            takesNothing = text[start..(at + 1)] is "^" or "$" or "\\b" or "\\B" || (text[at] == ')' && lookahead.TryPop(out var ahead) && ahead);
        }

        return null;
    }

    private static string? OfGroup(string text, ref int at, Stack<bool> lookahead)
    {
        var kind = At(text, at + 1) == '?' ? At(text, at + 2) : ':';
        lookahead.Push(kind is '=' or '!');
        at += At(text, at + 1) == '?' ? 2 : 0;
        return kind is ':' or '=' or '!' ? null : $"'(?{kind}' is no group of C++";
    }

    private static string? OfClass(string text, ref int at)
    {
        at += At(text, at + 1) == '^' ? 2 : 1;
        if (At(text, at) == ']')
        {
            return "'[]' is empty in C++";
        }

        for (; at < text.Length && text[at] != ']'; at++)
        {
            var fault = text[at] switch
            {
                '\\' => OfEscape(text, ref at, inClass: true),
                '[' => "'[' inside [] means different things; write \\[ for the character",
                _ => null,
            };
            if (fault is not null)
            {
                return fault;
            }
        }

        return at < text.Length ? null : "'[' has no ']'";
    }

    // \b is a backspace inside [] and the edge of a word outside.
    private static string? OfEscape(string text, ref int at, bool inClass) => At(text, ++at) switch
    {
        'd' or 'D' or 'w' or 'W' or 's' or 'S' => null,
        'b' or 'B' when !inClass => null,
        var c when char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)) && c != '_' => null,
        '\0' => "it ends in \\",
        var c => $"'\\{c}' means different things",
    };

    // {2}, {2,} or {2,5}
    private static bool IsCount(ReadOnlySpan<char> rest)
    {
        const string Digits = "0123456789";
        var end = rest.TrimStart(Digits);
        return end.Length < rest.Length && (end.StartsWith("}") || (end.StartsWith(",") && end[1..].TrimStart(Digits).StartsWith("}")));
    }

    private static char At(string text, int at) => at < text.Length ? text[at] : '\0';
}
