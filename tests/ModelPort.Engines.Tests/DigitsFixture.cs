using ModelPort.Formats.Safetensors;

namespace ModelPort.Engines.Tests;

/// <summary>The digits model of the repository with its labelled images and the logits that PyTorch computed.</summary>
internal static class DigitsFixture
{
    public static string Model => File("model.onnx");

    public static string File(string name)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "ModelPort.Build.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder!.FullName, "tests", "Fixtures", "onnx", "digits-cnn", name);
    }

    public static (byte[] Bytes, long[] Shape) Evaluation(string tensor)
    {
        using var file = SafetensorsFile.Open(File("eval.safetensors"));
        Assert.True(file.TryGet(tensor, out var found));
        var bytes = new byte[found.ByteLength];
        file.Read(found, 0, bytes);
        return (bytes, [.. found.Shape]);
    }
}
