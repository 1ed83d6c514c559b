using System.Collections.Immutable;
using CsCheck;
using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufSplitTests
{
    private static readonly Gen<(GgmlType Type, long Blocks, long Rows, int NameLength)> Kind =
        Gen.Select(Gen.OneOf(Gen.Const(GgmlType.F32), Gen.Const(GgmlType.Q8_0), Gen.Const(GgmlType.Q4_K), Gen.Const(GgmlType.I8)), Gen.Long[1, 4], Gen.Long[1, 40], Gen.Int[1, 50]);

    [Fact]
    public void Shards_hold_all_tensors_in_their_order_and_none_is_larger_than_it_may_be()
    {
        Gen.Select(Kind.Array[0, 40], Gen.Int[0, 400], Gen.OneOf(8, 32, 64), Gen.Double[0, 1]).Sample((kinds, header, alignment, share) =>
        {
            GgufLayout whole = Model(kinds, header, alignment);
            long least = Enumerable.Range(0, whole.Tensors.Length).Select(i => GgufSplit.TensorAlone(whole, i)).Append(GgufSplit.HeaderAlone(whole)).Max();
            long largest = least + (long)(share * whole.FileLength);

            IReadOnlyList<GgufLayout> shards = GgufSplit.Cut(whole, largest);

            Assert.All(shards, shard => Assert.InRange(shard.FileLength, 1, largest));
            Assert.Equal(whole.Tensors.Select(t => (t.Name, t.Type, t.ByteLength)), shards.SelectMany(s => s.Tensors).Select(t => (t.Name, t.Type, t.ByteLength)));
            Assert.All(shards.Skip(1), shard => Assert.NotEmpty(shard.Tensors));
            for (int i = 0; i < shards.Count; i++)
            {
                Assert.Equal(GgufValue.From((ushort)i), shards[i].Metadata[GgufSplit.NumberKey]);
                Assert.Equal(GgufValue.From((ushort)shards.Count), shards[i].Metadata[GgufSplit.CountKey]);
                Assert.Equal(GgufValue.From(whole.Tensors.Length), shards[i].Metadata[GgufSplit.TensorsKey]);
                Assert.Equal(alignment, shards[i].Alignment);

                // Each is full: its successor's first tensor would not have fitted.
                if (i + 1 < shards.Count)
                {
                    IEnumerable<GgufTensor> more = shards[i].Tensors.Append(shards[i + 1].Tensors[0]);
                    Assert.True(GgufLayout.Create(shards[i].Metadata, more.Select(t => (t.Name, t.Type, t.Shape)), alignment).FileLength > largest);
                }
            }

            Assert.Equal(whole.Metadata.Append(new(GgufSplit.NumberKey, GgufValue.From((ushort)0))).Select(e => e.Key), shards[0].Metadata.Select(e => e.Key).Take(whole.Metadata.Count + 1));
            Assert.All(shards.Skip(1), shard => Assert.Equal(alignment == GgufLayout.DefaultAlignment ? 3 : 4, shard.Metadata.Count));
        });
    }

    [Fact]
    public void What_cannot_be_divided_is_not_cut()
    {
        GgufLayout whole = Model([(GgmlType.F32, 1, 1000, 3), (GgmlType.F32, 1, 2000, 3)], 100, 32);
        Assert.Throws<ArgumentOutOfRangeException>(() => GgufSplit.Cut(whole, GgufSplit.TensorAlone(whole, 1) - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgufSplit.Cut(whole, GgufSplit.HeaderAlone(whole) - 1));
        Assert.Equal(2, GgufSplit.Cut(whole, GgufSplit.TensorAlone(whole, 1)).Count);
    }

    [Fact]
    public void A_first_shard_has_no_tensor_where_all_metadata_leave_no_room()
    {
        GgufLayout whole = Model([(GgmlType.F32, 1, 1000, 3)], 3000, 32);
        IReadOnlyList<GgufLayout> shards = GgufSplit.Cut(whole, Math.Max(GgufSplit.HeaderAlone(whole), GgufSplit.TensorAlone(whole, 0)));
        Assert.Equal([0, 1], shards.Select(s => s.Tensors.Length));
    }

    [Fact]
    public void Names_are_those_by_which_llama_cpp_finds_shards()
    {
        Assert.Equal("model-00002-of-00012.gguf", GgufSplit.FileName("model", 1, 12));
    }

    private static GgufLayout Model((GgmlType Type, long Blocks, long Rows, int NameLength)[] kinds, int header, int alignment)
    {
        GgufMetadata metadata = new();
        metadata.Set("text", new string('a', header));
        return GgufLayout.Create(
            metadata,
            kinds.Select((k, i) => ($"{i}{new string('n', k.NameLength)}", k.Type, ImmutableArray.Create(k.Blocks * GgmlTypes.BlockElements(k.Type), k.Rows))),
            alignment);
    }
}
