using System.IO.Compression;
using System.Text.Json;

namespace ModelPort.Build.Tests;

/// <summary>An .onnx file as an item: built, measured, not built again, packed, refused.</summary>
public sealed class OnnxModelTests(PackedRepository repository)
{
    [Fact]
    public void A_model_is_ported_with_its_data_lies_beside_the_application_and_is_packed()
    {
        string data = Path.Combine(PackedRepository.Repository, "tests", "Fixtures", "onnx", "digits-cnn");
        string Item(string more) => $"""<ModelPort Include="{data}/model.onnx" Name="digits" Precision="INT8" Calibration="{data}/calibration.safetensors" Evaluation="{data}/eval.safetensors" {more} />""";
        TestProject project = repository.Project(Item("""MaxAccuracyDrop="0.5" """), "<PackageId>Acme.Digits</PackageId><IncludeBuildOutput>false</IncludeBuildOutput>" + TestProject.NoCompiler, realWorker: true);
        BuildResult first = project.Build().Succeeded();
        string summary = Assert.Single(first.Output.Split('\n'), line => line.Contains("accuracy on eval.safetensors", StringComparison.Ordinal));
        Assert.Contains("digits", summary, StringComparison.Ordinal);
        string model = Path.Combine(project.Bin, "models", "digits");
        Assert.Equal(["digits-INT8.onnx", "modelport.json"], TestProject.FilesIn(model).Where(f => !f.StartsWith("parity", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        using (JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(model, "modelport.json"))))
        {
            Assert.Equal("onnxruntime", manifest.RootElement.GetProperty("engine").GetProperty("name").GetString());
            Assert.Equal(100, manifest.RootElement.GetProperty("ranges").GetProperty("samples").GetInt64());
        }

        Assert.Equal(0, project.Build().Succeeded().Workers);

        string feed = Path.Combine(repository.Root, "onnx-feed");
        project.Run("pack", "--no-build", "-p:PackageVersion=1.0.0", "-o", feed).Succeeded();
        using (ZipArchive package = ZipFile.OpenRead(Path.Combine(feed, "Acme.Digits.1.0.0.nupkg")))
        {
            Assert.Contains(package.Entries, entry => entry.FullName == "models/digits/digits-INT8.onnx");
            Assert.Contains(package.Entries, entry => entry.FullName == "buildTransitive/Acme.Digits.targets");
            using StreamReader readme = new(package.GetEntry("README.md")!.Open());
            string text = readme.ReadToEnd();
            Assert.Contains("497 samples of eval.safetensors", text, StringComparison.Ordinal);
            Assert.Contains("Models.Digits.Path", text, StringComparison.Ordinal);
        }

        project.SetItems(Item("""MaxOutputError="0.001" """));
        Assert.Equal("MP3001", project.Build().Failed().Code);
    }
}
