using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>The JSON form of an added token, the same in tokenizer.json and in tokenizer_config.json.</summary>
internal static class AddedTokenJson
{
    public static AddedToken Read(int id, JsonMember token)
    {
        bool special = Flag(token, "special", false);
        // Hugging Face normalises by default unless the token is special.
        return new AddedToken(
            id,
            token.AsObject().Require("content").AsString(),
            special,
            Flag(token, "lstrip", false),
            Flag(token, "rstrip", false),
            Flag(token, "normalized", !special),
            Flag(token, "single_word", false));
    }

    public static int ReadId(JsonMember member)
    {
        int id = member.AsInt32();
        return id >= 0 ? id : throw member.Mismatch("a token id of at least 0");
    }

    private static bool Flag(JsonMember token, string name, bool otherwise) =>
        token.TryGet(name, out JsonMember flag) ? flag.AsBool() : otherwise;
}
