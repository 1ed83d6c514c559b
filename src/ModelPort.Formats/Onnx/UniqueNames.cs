using System.Globalization;

namespace ModelPort.Formats.Onnx;

/// <summary>Makes names for new values and nodes that no body of a model uses yet.</summary>
public sealed class UniqueNames
{
    private readonly HashSet<string> used = new(StringComparer.Ordinal);

    /// <summary>Takes note of every name in a model, of values and of nodes.</summary>
    public UniqueNames(OnnxModel model)
    {
        foreach (OnnxBody body in model.Bodies())
        {
            used.UnionWith(body.Inputs);
            used.UnionWith(body.Outputs);
            used.UnionWith(body.Graph?.Initializer.Select(tensor => tensor.Name) ?? []);
            used.UnionWith(body.Graph?.SparseInitializer.Select(sparse => sparse.Values.Name) ?? []);
            foreach (NodeProto node in body.Nodes)
            {
                used.Add(node.Name);
                used.UnionWith(node.Input);
                used.UnionWith(node.Output);
            }
        }
    }

    /// <summary>The name itself if it is free, else with a number; from now on it is taken.</summary>
    public string Next(string wanted)
    {
        string name = wanted;
        for (int number = 2; !used.Add(name); number++)
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{wanted}_{number}");
        }

        return name;
    }
}
