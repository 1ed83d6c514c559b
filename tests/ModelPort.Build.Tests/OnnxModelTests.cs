using System.IO.Compression;
using System.Text.Json;

namespace ModelPort.Build.Tests;

/// <summary>An .onnx file as an item: built, measured, not built again, packed, in parts too, run by an application, refused.</summary>
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

        // Larger than a package may be: the weights travel in parts, and ONNX Runtime loads them as they are.
        project.SetItems(Item("").Replace("INT8", "FP32", StringComparison.Ordinal));
        project.Run("pack", "-c", "Debug", "-p:PackageVersion=1.1.0", "-p:ModelPortMaxPackageSize=150KB", "-o", repository.Feed).Succeeded();
        Assert.True(TestProject.FilesIn(repository.Feed).Count(file => file.StartsWith("Acme.Digits.Part", StringComparison.Ordinal)) >= 3);
        TestProject application = repository.Project("");
        File.WriteAllText(application.ProjectFile, """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Acme.Digits" Version="[1.1.0]" />
                <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="1.31.1" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(application.Directory, "Program.cs"), """
            using Microsoft.ML.OnnxRuntime;

            using InferenceSession session = new(Models.Digits.Path);
            using OrtValue image = OrtValue.CreateTensorValueFromMemory(new float[64], [1, 1, 8, 8]);
            using RunOptions options = new();
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["image"], [image], session.OutputNames);
            Console.WriteLine($"{Models.Digits.Precision} {outputs[0].GetTensorDataAsSpan<float>().Length}");
            """);
        application.Restore();
        application.Build().Succeeded();
        Assert.Equal("FP32 10", application.RunIn(repository.Root, Path.Combine(application.Bin, "App.dll")).Succeeded().Output.Trim());
    }
}
