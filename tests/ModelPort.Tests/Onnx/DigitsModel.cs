using System.Runtime.InteropServices;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Formats.Safetensors;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>The digits model with its data.</summary>
internal static class DigitsModel
{
    public static string Folder => Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "digits-cnn");

    public static float[] Calibration => Read<float>("calibration.safetensors", "image");

    public static float[] Images => Read<float>("eval.safetensors", "image");

    public static long[] Labels => Read<long>("eval.safetensors", "label");

    public static OnnxModel Open() => OnnxModel.Open(Path.Combine(Folder, "model.onnx"));

    /// <summary>How many of the 497 images a model names rightly, and the bytes of its file.</summary>
    public static (double Accuracy, long Bytes) Measure(OnnxModel model, GraphOptimization optimization)
    {
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        using var session = OnnxSession.Open(folder["m.onnx"], new OnnxSessionOptions { Optimization = optimization, Threads = 1 });
        var labels = Labels;
        var images = EngineTensor.Of<float>(Images, labels.Length, 1, 8, 8);
        var logits = ((EngineTensor)session.Run(new Dictionary<string, EngineValue> { ["image"] = images }).Values.Single()).As<float>().ToArray();
        var right = labels.Where((label, i) => Array.IndexOf(logits[(10 * i)..((10 * i) + 10)], logits[(10 * i)..((10 * i) + 10)].Max()) == label).Count();
        return ((double)right / labels.Length, new FileInfo(folder["m.onnx"]).Length);
    }

    private static T[] Read<T>(string name, string tensor) where T : unmanaged
    {
        using var file = SafetensorsFile.Open(Path.Combine(Folder, name));
        Assert.True(file.TryGet(tensor, out var found));
        var bytes = new byte[found.ByteLength];
        file.Read(found, 0, bytes);
        return MemoryMarshal.Cast<byte, T>(bytes).ToArray();
    }
}
