using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Packages;

/// <summary>
/// A model as a bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json): component, hashes, licence, and the measured numbers as performance metrics of its model
/// card, for tools that collect what an application is made of. The same port gives the same bytes.
/// </summary>
internal static class MachineLearningBom
{
    /// <summary>Its file name.</summary>
    public const string FileName = "bom.cdx.json";

    private const string HashOfFiles = "lines of file name, NUL, SHA-256, LF, sorted by name";

    /// <summary>Writes the bill.</summary>
    public static string Of(Manifest port)
    {
        var components = port.Outputs.Select(o => Component(port, o)).ToArray<JsonNode>();
        var bom = new JsonObject
        {
            ["$schema"] = "http://cyclonedx.org/schema/bom-1.6.schema.json",
            ["bomFormat"] = "CycloneDX",
            ["specVersion"] = "1.6",
            ["serialNumber"] = "urn:uuid:" + Identity(port),
            ["version"] = 1,
            ["metadata"] = new JsonObject
            {
                ["tools"] = new JsonObject { ["components"] = new JsonArray(new JsonObject { ["type"] = "application", ["name"] = "ModelPort", ["version"] = port.ToolVersion }) },
                ["component"] = Source(port),
            },
            ["components"] = new JsonArray(components),
            ["dependencies"] = new JsonArray([.. port.Outputs.Select(o => new JsonObject { ["ref"] = o.FileName, ["dependsOn"] = new JsonArray("source") })]),
        };
        return bom.ToJsonString(Manifest.Format) + "\n";
    }

    private static JsonObject Source(Manifest port)
    {
        var source = Model("source", port.Name + " (source)", port);
        source["hashes"] = Hashes(port.Source.Sha256);
        if (Pedigree(port) is { Count: > 0 } pedigree)
        {
            source["pedigree"] = pedigree;
        }

        source["properties"] = new JsonArray(
            Property("modelport:precision", port.Source.Precision),
            Property("modelport:hashOf", HashOfFiles));
        return source;
    }

    // What the source was made from, and which state of its repository it is.
    private static JsonObject Pedigree(Manifest port)
    {
        var pedigree = new JsonObject();
        if (port.Lineage is { } lineage)
        {
            pedigree["ancestors"] = new JsonArray([.. lineage.BaseModels.Select(name => new JsonObject { ["type"] = "machine-learning-model", ["name"] = name })]);
        }

        if (port.Source.Revision is { } revision)
        {
            pedigree["commits"] = new JsonArray(new JsonObject { ["uid"] = revision.Commit });
        }

        return pedigree;
    }

    private static JsonObject Component(Manifest port, OutputRecord output)
    {
        var component = Model(output.FileName, port.Name, port);
        component["version"] = output.Precision;
        component["hashes"] = Hashes(output.Sha256);
        if (output.Files.Count > 1)
        {
            component["components"] = new JsonArray([.. output.Files.Select(File)]);
        }

        component["modelCard"] = new JsonObject
        {
            ["modelParameters"] = Parameters(port),
            ["quantitativeAnalysis"] = new JsonObject { ["performanceMetrics"] = new JsonArray([.. output.Metrics.Where(f => double.IsFinite(f.Value)).Select(Metric)]) },
        };
        component["properties"] = new JsonArray(
            Property("modelport:engine", $"{port.Engine.Name} {port.Engine.Version}"),
            Property("modelport:evaluationSha256", port.Evaluation?.Sha256 ?? ""),
            Property("modelport:verdict", PackedFigures.VerdictOf(output)));
        if (output.Files.Count > 1)
        {
            component["properties"]!.AsArray().Add(Property("modelport:hashOf", HashOfFiles));
        }

        return component;
    }

    // Of an ONNX model it is not known what family it is of.
    private static JsonObject Parameters(Manifest port) => port.Model.Inputs is null
        ? new JsonObject { ["architectureFamily"] = "transformer", ["modelArchitecture"] = port.Source.Architecture }
        : new JsonObject { ["modelArchitecture"] = port.Source.Architecture };

    private static JsonObject File(FileRecord file) => new() { ["type"] = "file", ["bom-ref"] = "file:" + file.Name, ["name"] = file.Name, ["hashes"] = Hashes(file.Sha256) };

    private static JsonObject Model(string reference, string name, Manifest port)
    {
        var model = new JsonObject { ["type"] = "machine-learning-model", ["bom-ref"] = reference, ["name"] = name };
        if (port.Source.License is { } license)
        {
            model["licenses"] = Licenses.Expression([license]) is { } spdx
                ? new JsonArray(new JsonObject { ["expression"] = spdx })
                : new JsonArray(new JsonObject { ["license"] = new JsonObject { ["name"] = license } });
        }

        return model;
    }

    private static JsonObject Metric(Figure figure)
    {
        var metric = new JsonObject { ["type"] = figure.Name, ["value"] = JsonSerializer.Serialize(figure.Value), ["slice"] = Slice(figure) };
        if (figure.Error is { } error && double.IsFinite(error))
        {
            metric["confidenceInterval"] = new JsonObject { ["lowerBound"] = JsonSerializer.Serialize(figure.Value - error), ["upperBound"] = JsonSerializer.Serialize(figure.Value + error) };
        }

        return metric;
    }

    private static string Slice(Figure figure) =>
        (figure.Of == Subject.Port ? "port" : "source")
        + (figure.Against switch { Reference.Source => " against source", Reference.ReferenceOutputs => " against reference outputs", _ => "" })
        + (figure.On is { } task ? " on " + task : "");

    private static JsonArray Hashes(string sha256) => new(new JsonObject { ["alg"] = "SHA-256", ["content"] = sha256 });

    private static JsonObject Property(string name, string value) => new() { ["name"] = name, ["value"] = value };

    // Version 8 (RFC 9562): a UUID of the maker's own contents, here the hash of all that is packed.
    private static Guid Identity(Manifest port)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', port.Outputs.Select(o => o.Sha256).Prepend(port.Keys.Parity))));
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes.AsSpan(0, 16), bigEndian: true);
    }
}
