using System.Text.Json;

// The ported model lies beside the application, together with the record of what it is and how close it came to its source.
string folder = Path.Combine(AppContext.BaseDirectory, "models", "wordnet-llama");
using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "modelport.json")));
JsonElement source = manifest.RootElement.GetProperty("source");
Console.WriteLine($"source: {source.GetProperty("architecture")}, {source.GetProperty("parameters")} parameters, SHA-256 {source.GetProperty("sha256")}");

foreach (JsonElement output in manifest.RootElement.GetProperty("outputs").EnumerateArray())
{
    Console.WriteLine($"port:   {Path.Combine(folder, output.GetProperty("files")[0].GetProperty("name").GetString()!)}, {output.GetProperty("bytes")} bytes, budgets {output.GetProperty("verdict")}");
    foreach (JsonElement metric in output.GetProperty("metrics").EnumerateArray())
    {
        string against = metric.TryGetProperty("against", out JsonElement reference) ? $" against {reference}" : "";
        Console.WriteLine($"        {metric.GetProperty("name")} of the {metric.GetProperty("of")}{against}: {metric.GetProperty("value")}");
    }
}
