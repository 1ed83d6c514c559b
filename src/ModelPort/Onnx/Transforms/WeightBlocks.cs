using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// A matrix [depth, width] in blocks along its depth, as MatMulNBits wants it: codes [width, blocks, bytes of a block], a scale for each block, and packed zero
/// points [width, bytes]. The last block of a column is filled up with zeros. Each content reads the matrix when it is needed, and holds the narrow result
/// and a row of blocks meanwhile, as columns of blocks are stored where the matrix has rows.
/// </summary>
/// <param name="Weight">The values.</param>
/// <param name="Depth">The length of a column: what a product sums over.</param>
/// <param name="Width">How many columns.</param>
/// <param name="IsTransposed">Whether the values are stored column by column, [width, depth].</param>
/// <param name="BlockSize">Values of a block.</param>
/// <param name="Bits">4 or 8.</param>
/// <param name="IsSymmetric">Whether blocks have no zero point.</param>
internal sealed record WeightBlocks(WeightStream Weight, int Depth, int Width, bool IsTransposed, int BlockSize, int Bits, bool IsSymmetric)
{
    private const int Columns = 16;

    /// <summary>Takes a block: its place, values, scale and zero point.</summary>
    private delegate void BlockReader(int column, int block, ReadOnlySpan<float> values, float scale, byte zeroPoint);

    /// <summary>Blocks of a column.</summary>
    public int PerColumn => (Depth + BlockSize - 1) / BlockSize;

    /// <summary>Bytes of a block's codes.</summary>
    public int Bytes => BlockSize * Bits / 8;

    /// <summary>Bytes of a column's zero points.</summary>
    public int ZeroPointBytes => ((PerColumn * Bits) + 7) / 8;

    /// <summary>The codes.</summary>
    public OnnxContent Codes => Made((long)Width * PerColumn * Bytes, result =>
    {
        var codes = new byte[BlockSize];
        return (column, block, values, scale, zeroPoint) =>
        {
            var at = result.AsSpan(((column * PerColumn) + block) * Bytes, Bytes);
            if (Bits == 4)
            {
                NBitsQuantizer.Encode(values, Bits, scale, zeroPoint, codes);
                NBitsQuantizer.Pack4(codes, at);
            }
            else
            {
                NBitsQuantizer.Encode(values, Bits, scale, zeroPoint, at);
            }
        };
    });

    /// <summary>The zero points.</summary>
    public OnnxContent ZeroPoints => Made((long)Width * ZeroPointBytes, result => (column, block, _, _, zeroPoint) =>
    {
        ref var at = ref result[(column * ZeroPointBytes) + (block * Bits / 8)];
        at = (byte)(Bits == 4 && block % 2 == 1 ? at | (zeroPoint << 4) : zeroPoint);
    });

    /// <summary>The scales as FLOAT or FLOAT16.</summary>
    public OnnxContent Scales(DataType type) => Made((long)Width * PerColumn * (type == DataType.Float16 ? 2 : 4), result => (column, block, _, scale, _) =>
    {
        var index = (column * PerColumn) + block;
        if (type == DataType.Float16)
        {
            MemoryMarshal.Cast<byte, Half>(result.AsSpan())[index] = (Half)scale;
        }
        else
        {
            MemoryMarshal.Cast<byte, float>(result.AsSpan())[index] = scale;
        }
    });

    private OnnxContent Made(long length, Func<byte[], BlockReader> reader) => OnnxContent.Computed(length, stream =>
    {
        var result = new byte[length];
        Visit(reader(result));
        stream.Write(result);
    });

    private void Visit(BlockReader reader)
    {
        var filled = new float[BlockSize];
        void Block(int column, int block, ReadOnlySpan<float> content)
        {
            var values = content;
            if (content.Length < BlockSize)
            {
                content.CopyTo(filled);
                filled.AsSpan(content.Length).Clear();
                values = filled;
            }

            var scale = IsSymmetric ? NBitsQuantizer.Symmetric(values, Bits, out var zeroPoint) : NBitsQuantizer.Asymmetric(values, Bits, out zeroPoint);
            reader(column, block, values, scale, zeroPoint);
        }

        if (IsTransposed)
        {
            Weight.VisitPieces(Depth, (column, first) =>
            {
                for (var block = 0; block < PerColumn; block++)
                {
                    Block((int)(first / Depth), block, column[(block * BlockSize)..Math.Min(Depth, (block + 1) * BlockSize)]);
                }
            });
            return;
        }

        // Columns are taken by as many as share a line of the cache: one alone, of rows that lie far apart, would have each line fetched anew.
        var columns = new float[Columns * BlockSize];
        Weight.VisitPieces(checked(BlockSize * Width), (rows, first) =>
        {
            var count = rows.Length / Width;
            for (var column = 0; column < Width; column += Columns)
            {
                var together = Math.Min(Columns, Width - column);
                for (var row = 0; row < count; row++)
                {
                    var line = rows.Slice((row * Width) + column, together);
                    for (var i = 0; i < line.Length; i++)
                    {
                        columns[(i * BlockSize) + row] = line[i];
                    }
                }

                for (var i = 0; i < together; i++)
                {
                    Block(column + i, (int)(first / Width / BlockSize), columns.AsSpan(i * BlockSize, count));
                }
            }
        });
    }
}
