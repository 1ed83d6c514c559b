using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>A Jinja template that turns a conversation into a prompt.</summary>
/// <param name="Name">"default", or the template's purpose, for example "tool_use".</param>
/// <param name="Text">The template's source.</param>
public sealed record ChatTemplate(string Name, string Text)
{
    /// <summary>The name of a template that is given without one.</summary>
    public const string DefaultName = "default";

    /// <summary>Reads "chat_template": one text, or a list of objects with name and template.</summary>
    internal static ImmutableArray<ChatTemplate> Read(JsonMember owner)
    {
        if (!owner.TryGet("chat_template", out JsonMember value))
        {
            return [];
        }

        return value.Element.ValueKind == System.Text.Json.JsonValueKind.String
            ? [new ChatTemplate(DefaultName, value.AsString())]
            : [.. value.AsArray().Select(item => new ChatTemplate(item.AsObject().Require("name").AsString(), item.Require("template").AsString()))];
    }
}
