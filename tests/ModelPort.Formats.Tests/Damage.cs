using System.Buffers.Binary;
using CsCheck;

namespace ModelPort.Formats.Tests;

/// <summary>Damages a valid file at random. A reader may accept the result or refuse it properly; nothing else.</summary>
internal static class Damage
{
    private static readonly ulong[] Numbers = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1UL << 40, long.MaxValue, ulong.MaxValue];

    /// <param name="valid">The undamaged file.</param>
    /// <param name="reach">Only the first so many bytes are damaged: the part that the reader interprets.</param>
    /// <param name="read">Reads the file at a path, and everything that it offers.</param>
    /// <param name="count">How many damaged files are tried.</param>
    public static void NeverSurprises(byte[] valid, int reach, Action<string> read, int count = 1500)
    {
        using TempFolder folder = new();
        reach = Math.Min(reach, valid.Length);
        Gen<(int Kind, int Position, int Value, int Repeat)> damage =
            Gen.Select(Gen.Int[0, 5], Gen.Int[0, reach - 1], Gen.Int[0, 255], Gen.Int[1, 3]);
        damage.Sample(
            (kind, position, value, repeat) =>
            {
                byte[] bytes = valid;
                for (int i = 0; i < repeat && bytes.Length > 0; i++)
                {
                    bytes = Apply(bytes, kind, (position + (i * 7919)) % Math.Min(reach, bytes.Length), value);
                }

                string path = folder.Write(Guid.NewGuid().ToString("N"), bytes);
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    read(path);
                }
                catch (InvalidModelFileException)
                {
                }

                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                File.Delete(path);
                Assert.True(allocated < 2_000_000 + (80L * bytes.Length), $"{allocated} bytes allocated for a file of {bytes.Length}");
            },
            iter: count,
            threads: 2);
    }

    private static byte[] Apply(byte[] bytes, int kind, int position, int value)
    {
        byte[] copy = [.. bytes];
        switch (kind)
        {
            case 0:
                return copy[..position];
            case 1:
                copy[position] ^= (byte)(1 << (value % 8));
                return copy;
            case 2:
                copy[position] = (byte)value;
                return copy;
            case 3:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, Numbers[value % Numbers.Length]);
                number[..Math.Min(8, copy.Length - position)].CopyTo(copy.AsSpan(position));
                return copy;
            case 4:
                return [.. copy[..position], .. copy[Math.Min(copy.Length, position + 1 + (value % 16))..]];
            default:
                return [.. copy[..position], .. Enumerable.Repeat((byte)value, 1 + (value % 5)), .. copy[position..]];
        }
    }
}
