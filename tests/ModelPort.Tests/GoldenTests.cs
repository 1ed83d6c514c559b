using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelPort.Formats.Gguf;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>Our files against those of the reference converter: every tensor bit for bit, every header key.</summary>
public sealed class GoldenTests
{
    // These follow the folder's name, which differs where the golden files were made.
    private static readonly string[] FolderKeys = ["general.name", "general.basename", "general.version", "general.size_label"];

    // The sample's model card adds these; the fixture had none.
    private static readonly string[] CardKeys = ["general.license", "general.license.name", "general.license.link", "general.tags", "general.languages"];

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in Repository.Fixtures)
        {
            foreach (var precision in new[] { "F32", "F16", "BF16", "Q8_0" })
            {
                data.Add(model, precision);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_port_equals_the_reference_converter_bit_for_bit(string model, string precision)
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Checkpoint(model), precision, folder.Path)[precision];
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Fixture(model), "golden", precision.ToLowerInvariant() + ".json")));
        using var file = GgufShards.Open(path);

        var expected = golden.RootElement.GetProperty("tensors").EnumerateArray()
            .Select(t => $"{t.GetProperty("name").GetString()} {t.GetProperty("type").GetString()} [{string.Join(",", t.GetProperty("shape").EnumerateArray())}] {t.GetProperty("sha256").GetString()}");
        Assert.Equal(expected, file.Tensors.Select(t => Describe(file, t)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_ports_header_equals_the_reference_converters(string model, string precision)
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Checkpoint(model), precision, folder.Path)[precision];
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Fixture(model), "golden", precision.ToLowerInvariant() + ".json")));
        using var file = GgufShards.Open(path);

        var expected = golden.RootElement.GetProperty("metadata").EnumerateObject()
            .Where(p => !p.Name.StartsWith("GGUF.", StringComparison.Ordinal) && !FolderKeys.Contains(p.Name))
            .Select(p => $"{p.Name}: {p.Value.GetProperty("type").GetString()} {Expected(p.Value.GetProperty("value"))}");
        var actual = file.Metadata.Where(m => !FolderKeys.Contains(m.Key) && !CardKeys.Contains(m.Key)).Select(m => $"{m.Key}: {Actual(m.Value)}");
        Assert.Equal(expected, actual);
    }

    private static string Describe(GgufShards file, GgufTensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        return $"{tensor.Name} {GgmlTypes.Name(tensor.Type)} [{string.Join(",", tensor.Shape)}] {Convert.ToHexStringLower(SHA256.HashData(bytes))}";
    }

    private static string Expected(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{value.GetProperty("len").GetInt32()} items {value.GetProperty("sha256").GetString()}",
        JsonValueKind.Number => PythonJson.Real(value.GetDouble()),
        JsonValueKind.True or JsonValueKind.False => value.GetBoolean() ? "True" : "False",
        _ => value.GetString()!,
    };

    private static string Actual(GgufValue value)
    {
        if (value.ElementType is { } element)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(PythonJson.List(value))));
            return $"ARRAY/{element.ToString().ToUpperInvariant()} {value.Count} items {hash}";
        }

        var content = value.TryGetBool(out var flag) ? flag.ToString()
            : value.TryGetString(out var text) ? text
            : value.TryGetDouble(out var number) ? PythonJson.Real(number)
            : value.TryGetInt64(out var integer) ? PythonJson.Real(integer)
            : "?";
        return $"{value.Type.ToString().ToUpperInvariant()} {content}";
    }
}
