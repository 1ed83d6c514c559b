using System.Globalization;

namespace ModelPort.Planning;

/// <summary>Reads GGUF tensor names.</summary>
public static class TensorNames
{
    /// <summary>The block number in <c>blk.N.*</c>, or null for tensors outside the blocks.</summary>
    public static int? BlockOf(string name)
    {
        if (!name.StartsWith("blk.", StringComparison.Ordinal))
        {
            return null;
        }

        var end = name.IndexOf('.', 4);
        return end > 4 && int.TryParse(name.AsSpan(4, end - 4), NumberStyles.None, CultureInfo.InvariantCulture, out var block) ? block : null;
    }
}
