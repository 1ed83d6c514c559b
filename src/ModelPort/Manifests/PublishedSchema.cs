using System.Text.Json.Nodes;
using System.Text.Json.Schema;

namespace ModelPort.Manifests;

/// <summary>The JSON schemas (draft 2020-12) of what ModelPort writes, made from the types that write it. They are published in docs/schemas.</summary>
internal static class PublishedSchema
{
    private const string NullableMark = "nullable";

    /// <summary>The schema of a type's JSON.</summary>
    /// <param name="title">What it describes, with its version.</param>
    public static string Of<T>(string title)
    {
        var options = new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = MarkNullable };
        var schema = Manifest.Format.GetJsonSchemaAsNode(typeof(T), options).AsObject();
        LeaveOutNulls(schema);
        schema.Insert(0, "$schema", JsonValue.Create("https://json-schema.org/draft/2020-12/schema"));
        schema.Insert(1, "title", JsonValue.Create(title));
        return schema.ToJsonString(Manifest.Format) + "\n";
    }

    private static JsonNode MarkNullable(JsonSchemaExporterContext context, JsonNode node)
    {
        if (context.PropertyInfo?.IsGetNullable == true && node is JsonObject schema)
        {
            schema[NullableMark] = true;
        }

        return node;
    }

    // What has no value is not written, so that it cannot be required.
    private static void LeaveOutNulls(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            list.ToList().ForEach(LeaveOutNulls);
        }
        else if (node is JsonObject schema)
        {
            if (schema["required"] is JsonArray required)
            {
                required.RemoveAll(name => schema["properties"]![name!.GetValue<string>()] is JsonObject property && property.ContainsKey(NullableMark));
            }

            schema.ToList().ForEach(member => LeaveOutNulls(member.Value));
            schema.Remove(NullableMark);
        }
    }
}
