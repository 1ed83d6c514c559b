using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Caching;

/// <summary>SHA-256, in lower-case hex, over parts of a plan that results depend on.</summary>
internal static class PlanDigest
{
    private const int SamplesOfFile = 16;
    private const int SampleBytes = 4096;

    // What a header says of a model without changing what llama.cpp computes with it.
    private static readonly string[] Descriptions = ["general.", "quantize.", "tokenizer.chat_template"];
    private static readonly string[] General = ["general.architecture", GgufMetadata.AlignmentKey];

    /// <summary>The headers of an output's files: all of them but the tensors' values.</summary>
    public static string OfHeader(OutputPlan output) => OfHeaders(output.Files.Select(f => f.Layout));

    /// <summary>
    /// Where outputs are cut into files: of each the first tensors of its files after the first, and of one whose types are chosen, which may be before or after this, the largest file. Empty where
    /// none is cut.
    /// </summary>
    public static string OfShards(PortPlan plan, PortRequest request)
    {
        var cuts = plan.Outputs.Select(o => o.Precision == Precision.Auto
            ? request.SplitMaxSize is { } largest ? string.Create(CultureInfo.InvariantCulture, $"at most {largest} bytes") : ""
            : string.Join(',', o.Files.Skip(1).Select(f => f.FirstTensor.ToString(CultureInfo.InvariantCulture)))).ToArray();
        return cuts.All(c => c.Length == 0) ? "" : string.Join(';', cuts);
    }

    /// <summary>What llama.cpp computes with, but for the tensors: hyperparameters and tokenizer, whatever name, licence, template and types a file has.</summary>
    public static string OfModel(PortPlan plan)
    {
        var metadata = new GgufMetadata();
        foreach (var (key, value) in plan.Outputs[0].Layout.Metadata.Where(m => General.Contains(m.Key) || !Descriptions.Any(d => m.Key.StartsWith(d, StringComparison.Ordinal))))
        {
            metadata.Set(key, value);
        }

        return OfHeaders([GgufLayout.Create(metadata, [], plan.Outputs[0].Layout.Alignment)]);
    }

    /// <summary>Where each value of the outputs comes from in the weight files, and in which order.</summary>
    public static string OfTensors(PortPlan plan)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var tensor in plan.Tensors)
        {
            Append(sha, $"{tensor.Name}\0{string.Join(',', tensor.Shape)}\0{tensor.Rows}\n");
            foreach (var part in tensor.Parts)
            {
                Append(sha, string.Create(CultureInfo.InvariantCulture, $"{part.Tensor.Name}\0{part.FirstElement}\0{part.ElementCount}\n"));
            }

            sha.AppendData(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>The types of an output's tensors, and how they are laid out.</summary>
    public static string OfTypes(OutputPlan output) =>
        Hash(string.Create(CultureInfo.InvariantCulture, $"{output.Layout.Alignment}\n{string.Join('\n', output.Layout.Tensors.Select(t => $"{t.Name}\0{GgmlTypes.Name(t.Type)}"))}"));

    /// <summary>
    /// Lengths and a few samples of the weight files: two models of one family and one size differ in them, and no file is read. It tells what is worth looking
    /// for, and never what is the same.
    /// </summary>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read.</exception>
    public static string OfSamples(Checkpoint checkpoint)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var sample = new byte[SampleBytes];
        foreach (var file in checkpoint.Tensors.Files)
        {
            Append(sha, string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file.Path)}\0{file.FileLength}\n"));
            try
            {
                using var handle = File.OpenHandle(file.Path, FileMode.Open, FileAccess.Read, FileShare.Read);
                for (var i = 0; i < SamplesOfFile; i++)
                {
                    sha.AppendData(sample, 0, RandomAccess.Read(handle, sample, (file.FileLength - 1) / SamplesOfFile * i));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new ModelPortException(Diagnose.Unreadable(file.Path, e.Message), e);
            }
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>The hash of a text.</summary>
    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string OfHeaders(IEnumerable<GgufLayout> layouts)
    {
        using var header = new MemoryStream();
        foreach (var layout in layouts)
        {
            layout.WriteHeader(header);
        }

        return Convert.ToHexStringLower(SHA256.HashData(header.GetBuffer().AsSpan(0, (int)header.Length)));
    }

    private static void Append(IncrementalHash sha, string text) => sha.AppendData(Encoding.UTF8.GetBytes(text));
}
