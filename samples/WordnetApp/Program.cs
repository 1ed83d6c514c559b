using System.Text.Json;

// The ported model lies beside the application, together with the record of what it is and how close it came to its source.
string folder = Path.Combine(AppContext.BaseDirectory, "models", "wordnet-llama");
using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "modelport.json")));

foreach (string file in Directory.GetFiles(folder, "*.gguf"))
{
    Console.WriteLine($"model: {file} ({new FileInfo(file).Length:N0} bytes)");
}

foreach (JsonProperty property in manifest.RootElement.EnumerateObject())
{
    Console.WriteLine($"{property.Name}: {property.Value}");
}
