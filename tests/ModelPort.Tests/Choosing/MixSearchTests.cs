using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Tests.Choosing;

/// <summary>Types for a size, from tables whose best mix is known.</summary>
public sealed class MixSearchTests
{
    private static readonly SensitivityText Text = new("text", "0", 256, 2);

    [Fact]
    public void The_file_fills_its_limit_to_the_byte_when_it_can()
    {
        var layout = Layout(("a.weight", [256, 2]), ("b.weight", [256, 2]), ("c_norm.weight", [256]));
        var limit = Length(layout, GgmlType.Q6_K, GgmlType.Q5_K, GgmlType.F32);
        var (mix, types) = Search(layout, new SizeTarget(limit, null), ("a.weight", 4), ("b.weight", 1));
        Assert.Equal([GgmlType.Q6_K, GgmlType.Q5_K, GgmlType.F32], types.Select(t => t.Type));
        Assert.Equal([TensorType.Size, TensorType.Size, TensorType.Kept], types.Select(t => t.Why));
        Assert.Equal(limit, mix.LimitBytes);
        Assert.Equal(4 * Error(GgmlType.Q6_K) + Error(GgmlType.Q5_K), mix.Divergence, 1e-12);

        // One byte less, and the next best it is.
        Assert.Equal(
            [GgmlType.Q6_K, GgmlType.Q4_K, GgmlType.F32],
            Search(layout, new SizeTarget(limit - 1, null), ("a.weight", 4), ("b.weight", 1)).Types.Select(t => t.Type));
    }

    [Fact]
    public void A_limit_in_bits_counts_tensor_data_alone_and_of_two_limits_the_lower_holds()
    {
        var layout = Layout(("a.weight", [256, 4]));
        Assert.Equal(GgmlType.Q4_K, Search(layout, new SizeTarget(null, 4.5), ("a.weight", 1)).Types[0].Type);
        Assert.Equal(GgmlType.IQ4_XS, Search(layout, new SizeTarget(null, 4.4999), ("a.weight", 1)).Types[0].Type);
        Assert.Equal(GgmlType.Q3_K, Search(layout, new SizeTarget(Length(layout, GgmlType.Q3_K), 4.5), ("a.weight", 1)).Types[0].Type);
        Assert.Equal(GgmlType.Q4_K, Search(layout, new SizeTarget(Length(layout, GgmlType.Q8_0), 4.5), ("a.weight", 1)).Types[0].Type);
    }

    [Fact]
    public void With_room_for_all_nothing_is_lost()
    {
        var (mix, types) = Search(Layout(("a.weight", [256, 4])), new SizeTarget(long.MaxValue / 2, null), ("a.weight", 1));
        Assert.Equal((GgmlType.BF16, 0.0, 0.0), (types[0].Type, mix.Divergence, mix.Gap));
    }

    [Fact]
    public void What_the_user_decides_is_kept_and_the_others_make_room_for_it()
    {
        var layout = Layout(("a.weight", [256, 2]), ("b.weight", [256, 2]), ("c.weight", [40, 8]));
        var choice = new TensorChoice { Patterns = TensorPattern.ParseList("^a=F16;^c=Q6_K", "") };
        var (mix, types) = new MixSearch(Table(("a.weight", 5), ("b.weight", 1), ("c.weight", 1)), new SizeTarget(Length(layout, GgmlType.F16, GgmlType.Q4_K, GgmlType.F16), null), choice).Run("", layout);
        Assert.Equal(
            [(GgmlType.F16, GgmlType.F16, "TensorPrecision ^a=F16"), (GgmlType.Q4_K, GgmlType.Q4_K, "size"), (GgmlType.F16, GgmlType.Q6_K, "TensorPrecision ^c=Q6_K")],
            types.Select(t => (t.Type, t.Wanted, t.Why)));
        // F16 is no candidate of a BF16 source: what it loses was not measured.
        Assert.Equal(["b.weight"], mix.Tensors.Select(t => t.Tensor));
    }

    [Fact]
    public void A_size_below_the_smallest_is_refused_and_told()
    {
        var layout = Layout(("a.weight", [256, 4000]));
        var error = Assert.Throws<ModelPortException>(() => Search(layout, new SizeTarget(Length(layout, GgmlType.Q2_K) - 1, null), ("a.weight", 1))).Diagnostic;
        Assert.Equal("MP2030", error.Code);
        Assert.Contains(Sizes.Bytes(Length(layout, GgmlType.Q2_K)), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GgmlType.Q4_K, 15)]
    [InlineData(GgmlType.Q3_K, 12)]
    [InlineData(GgmlType.Q5_K, 17)]
    [InlineData(GgmlType.Q2_K, 10)]
    [InlineData(GgmlType.IQ4_XS, 30)]
    [InlineData(GgmlType.Q8_0, 7)]
    [InlineData(GgmlType.BF16, 32)]
    public void The_file_type_is_that_of_the_type_most_weights_have(GgmlType main, int fileType) =>
        Assert.Equal((uint)fileType, FileTypes.Of([(GgmlType.F32, 10), (main, 60), (GgmlType.Q6_K, 50), (main, 60)]));

    [Fact]
    public void The_yardstick_is_the_most_exact_precision_that_is_not_larger()
    {
        var lengths = new Dictionary<string, long> { ["Q6_K"] = 60, ["Q5_K_M"] = 50, ["Q4_K_M"] = 40, ["Q2_K"] = 20 };
        long LengthOf(Precision p) => lengths.GetValueOrDefault(p.Name, 1000);
        Assert.Equal("Q5_K_M", FileTypes.Yardstick(59, LengthOf).Name);
        Assert.Equal("Q6_K", FileTypes.Yardstick(60, LengthOf).Name);
        Assert.Equal("Q2_K", FileTypes.Yardstick(3, LengthOf).Name);
    }

    private static (Mix Mix, IReadOnlyList<TensorType> Types) Search(GgufLayout layout, SizeTarget target, params (string, double)[] sensitivities) =>
        new MixSearch(Table(sensitivities), target, TensorChoice.None).Run("", layout);

    private static ErrorTable Table(params (string Name, double Sensitivity)[] tensors) =>
        new("", Text, [.. tensors.Select(t => new TensorErrors(t.Name, t.Sensitivity, 1, 1, [.. CandidateTypes.Of(256, GgmlType.BF16).Select(type => new TypeError(type, Error(type)))]))]);

    private static double Error(GgmlType type) => type == GgmlType.BF16 ? 0 : Math.Pow(4, -GgmlTypes.RowBytes(type, 256) / 32.0);

    private static GgufLayout Layout(params (string Name, long[] Shape)[] tensors)
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", "llama");
        return GgufLayout.Create(metadata, tensors.Select(t => (t.Name, GgmlType.F32, System.Collections.Immutable.ImmutableArray.Create(t.Shape))));
    }

    private static long Length(GgufLayout layout, params GgmlType[] types) =>
        GgufLayout.Create(layout.Metadata, layout.Tensors.Select((t, i) => (t.Name, types[i], t.Shape))).FileLength;
}
