using System.Text;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>Text on its way to and from native code, which takes UTF-8 that ends with a zero.</summary>
internal static unsafe class NativeText
{
    public delegate int Writer(byte* buffer, nuint size);

    /// <exception cref="ArgumentException">The text holds a zero character, which would cut it short.</exception>
    public static byte[] Terminated(string text, string parameter) => text.Contains('\0')
        ? throw new ArgumentException("The text holds a zero character.", parameter)
        : Encoding.UTF8.GetBytes(text + "\0");

    /// <summary>Reads from a function that works like snprintf: it returns the full length, or a negative number for "absent".</summary>
    public static string? Read(Writer write)
    {
        Span<byte> buffer = stackalloc byte[256];
        while (true)
        {
            int length;
            fixed (byte* start = buffer)
            {
                length = write(start, (nuint)buffer.Length);
            }

            if (length < 0)
            {
                return null;
            }

            if (length < buffer.Length)
            {
                return Encoding.UTF8.GetString(buffer[..length]);
            }

            buffer = new byte[length + 1];
        }
    }
}
