using ModelPort.Choosing;

namespace ModelPort.Tests.Choosing;

public sealed class TensorGroupsTests
{
    [Fact]
    public void In_a_model_of_few_blocks_every_tensor_is_alone()
    {
        string[] names = ["token_embd.weight", .. Enumerable.Range(0, 8).SelectMany(b => new[] { $"blk.{b}.ffn_up.weight", $"blk.{b}.ffn_down.weight" })];
        var groups = TensorGroups.Of(names);
        Assert.All(groups, g => Assert.Single(g));
        Assert.Equal(Enumerable.Range(0, names.Length), groups.SelectMany(g => g).Order());
    }

    [Theory]
    [InlineData(9)]
    [InlineData(32)]
    [InlineData(126)]
    public void In_a_deep_model_blocks_between_the_first_and_the_last_are_measured_together(int blocks)
    {
        // In no order, as files have them.
        string[] names = ["output.weight", .. Enumerable.Range(0, blocks).OrderBy(b => b.ToString("D", null), StringComparer.Ordinal).Select(b => $"blk.{b}.attn_v.weight")];
        int BlockOf(int i) => int.Parse(names[i].Split('.')[1], null);
        var groups = TensorGroups.Of(names).Where(g => names[g[0]] != "output.weight").Select(g => g.Select(BlockOf).ToArray()).ToArray();
        Assert.Equal(8, groups.Length);
        Assert.Equal(Enumerable.Range(0, blocks), groups.SelectMany(g => g));
        Assert.Equal([0, 1, blocks - 1], groups.Where(g => g.Length == 1).SelectMany(g => g).Where(b => b is 0 or 1 || b == blocks - 1));
        Assert.InRange(groups.Max(g => g.Length), 1, (blocks / 5) + 1);
    }
}
