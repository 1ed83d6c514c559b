using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>Decides the files of an output that may not be one file.</summary>
internal static class Shards
{
    /// <summary>Cuts an output into files of the size that was asked for; it stays one file where it is small enough.</summary>
    /// <param name="output">The output, whose types are chosen.</param>
    /// <param name="request">The largest file, and where errors point.</param>
    /// <exception cref="ModelPortException">MP2010: a tensor, or the header, is larger than a file may be.</exception>
    public static OutputPlan Cut(OutputPlan output, PortRequest request)
    {
        if (request.SplitMaxSize is not { } largest || output.Layout.FileLength <= largest)
        {
            return output;
        }

        Require(GgufSplit.HeaderAlone(output.Layout), "the header, with the tokenizer,");
        for (var i = 0; i < output.Layout.Tensors.Length; i++)
        {
            Require(GgufSplit.TensorAlone(output.Layout, i), $"tensor '{output.Layout.Tensors[i].Name}'");
        }

        var layouts = GgufSplit.Cut(output.Layout, largest);
        var stem = Path.GetFileNameWithoutExtension(output.FileName);
        var first = 0;
        var files = new FilePlan[layouts.Count];
        for (var i = 0; i < files.Length; i++)
        {
            files[i] = new FilePlan(GgufSplit.FileName(stem, i, files.Length), layouts[i], first);
            first += layouts[i].Tensors.Length;
        }

        return output with { Files = files };

        void Require(long bytes, string what)
        {
            if (bytes > largest)
            {
                throw new ModelPortException(Diagnose.BeyondFile(request.Source, output.Precision.Name, what, bytes, largest));
            }
        }
    }
}
