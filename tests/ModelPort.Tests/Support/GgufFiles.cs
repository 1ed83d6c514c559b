using ModelPort.Formats.Gguf;

namespace ModelPort.Tests.Support;

/// <summary>Compares ported files.</summary>
internal static class GgufFiles
{
    /// <summary>Every tensor of two files has the same type and the same bytes, wherever it stands.</summary>
    public static void EqualTensors(string theirPath, string ourPath)
    {
        using var ours = GgufShards.Open(ourPath);
        using var theirs = GgufShards.Open(theirPath);
        Assert.Equal(
            theirs.Tensors.Select(t => $"{t.Name} {t.Type}").Order(StringComparer.Ordinal),
            ours.Tensors.Select(t => $"{t.Name} {t.Type}").Order(StringComparer.Ordinal));
        foreach (var tensor in ours.Tensors)
        {
            Assert.True(Bytes(theirs, tensor.Name).SequenceEqual(Bytes(ours, tensor.Name)), $"{tensor.Name} ({tensor.Type}) differs");
        }
    }

    /// <summary>The data of a tensor.</summary>
    public static byte[] Bytes(GgufShards file, string name)
    {
        var tensor = file.Tensors.First(t => t.Name == name);
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        return bytes;
    }
}
