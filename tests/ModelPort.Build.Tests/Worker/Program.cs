// A worker for tests of the task: it speaks the worker protocol, and the metadatum Behaviour of the item says how well.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

JsonNode request = JsonNode.Parse(File.ReadAllText(args[1]))!;
string source = (string)request["source"]!;
string name = (string)request["name"]!;
string output = (string)request["outputDirectory"]!;
string behaviour = (string?)request["metadata"]!["Behaviour"] ?? "";
Console.OutputEncoding = new UTF8Encoding(false);

switch (behaviour)
{
    case "" or "large" or "old":
        return Port();
    case "chatter":
        Console.WriteLine("tensor blk.0 quant error : 0.001");
        Console.WriteLine("warning: nothing here");
        Console.WriteLine("{\"type\":");
        Console.WriteLine("[1,2,3]");
        Console.WriteLine("{\"type\":\"news\"}");
        Console.Error.WriteLine("App.cs(1,1): error XX0001: not one of ours");
        Diagnose("warning", "MP2999", Path.Combine(source, "config.json"), "a warning with {braces} and 100 %");
        return Port();
    case "fail":
        Diagnose("error", "MP1999", Path.Combine(source, "config.json"), "first line\nsecond line with 🦙");
        return 1;
    case "miss":
        Diagnose("error", "MP3999", source, "a budget was missed");
        return 3;
    case "die":
        Console.Error.WriteLine("GGML_ASSERT(false) failed");
        return 134;
    case "silent":
        return 0;
    case "stray":
        Result([Path.Combine(source, "config.json")]);
        return 0;
    case "hang":
        File.WriteAllText(Path.Combine(output, "model.gguf.part"), "half");
        File.WriteAllText(Path.Combine(source, "..", "worker.pid"), Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using (Process parent = Process.GetProcessById((int)request["parentProcessId"]!))
        {
            parent.WaitForExit();
        }

        return 1;
    default:
        return 2;
}

int Port()
{
    byte[] config = File.ReadAllBytes(Path.Combine(source, "config.json"));
    string content = Convert.ToHexStringLower(SHA256.HashData(config)) + request["metadata"]!.ToJsonString() + request["properties"]!.ToJsonString();
    string weights = behaviour == "large" ? content.PadRight(2 << 20) : content;
    string model = Path.Combine(output, name + ".gguf");
    string manifest = Path.Combine(output, "modelport.json");
    using FileStream gate = Lock();
    bool done = new[] { (model, weights), (manifest, content) }.All(file => File.Exists(file.Item1) && File.ReadAllText(file.Item1) == file.Item2);
    if (!done)
    {
        Replace(model, weights);
        Replace(manifest, content);
        if (behaviour == "old")
        {
            // As a port that a store had kept: made before the one that it replaces.
            File.SetLastWriteTimeUtc(model, new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            File.SetLastWriteTimeUtc(manifest, new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }

        File.AppendAllText(Path.Combine(source, "..", "ports.log"), name + "\n");
        Write(new JsonObject { ["type"] = "progress", ["stage"] = "port", ["done"] = 1, ["total"] = 1, ["text"] = name });
        Write(new JsonObject { ["type"] = "message", ["importance"] = "high", ["text"] = $"{name}: ported" });
    }

    Result([model, manifest]);
    return 0;
}

void Replace(string path, string text)
{
    File.WriteAllText(path + ".part", text);
    File.Move(path + ".part", path, overwrite: true);
}

FileStream Lock()
{
    while (true)
    {
        try
        {
            return new FileStream(Path.Combine(output, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            Thread.Sleep(20);
        }
    }
}

void Result(string[] outputs) => Write(new JsonObject
{
    ["type"] = "result",
    ["outputs"] = new JsonArray([.. outputs.Select(path => JsonValue.Create(path))]),
    ["manifest"] = outputs[^1],
    ["inputs"] = new JsonArray(Path.Combine(source, "config.json")),
});

void Diagnose(string severity, string code, string file, string message) =>
    Write(new JsonObject { ["type"] = "diagnostic", ["severity"] = severity, ["code"] = code, ["file"] = file, ["message"] = message, ["helpLink"] = "https://example.org/" + code });

void Write(JsonObject line) => Console.WriteLine(line.ToJsonString());
