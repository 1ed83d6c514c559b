using Google.Protobuf;

namespace ModelPort.Caching.Remote;

/// <summary>
/// The envelope of a record: servers such as bazel-remote take nothing else under <c>ac/</c> than the message ActionResult of Bazel's remote execution
/// protocol (build.bazel.remote.execution.v2, remote_execution.proto). The record is its standard output; what a server adds is passed over.
/// </summary>
internal static class ActionResult
{
    private const int StandardOutput = 5;

    /// <summary>Puts a record into its envelope.</summary>
    public static byte[] Wrap(ReadOnlySpan<byte> record)
    {
        using var message = new MemoryStream();
        using (var output = new CodedOutputStream(message, leaveOpen: true))
        {
            output.WriteTag(StandardOutput, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(record));
        }

        return message.ToArray();
    }

    /// <summary>Takes the record out; null when there is none.</summary>
    public static byte[]? TryUnwrap(byte[] message)
    {
        try
        {
            using var input = new CodedInputStream(message);
            byte[]? record = null;
            while (input.ReadTag() is not 0 and var tag)
            {
                if (tag == WireFormat.MakeTag(StandardOutput, WireFormat.WireType.LengthDelimited))
                {
                    record = input.ReadBytes().ToByteArray();
                }
                else
                {
                    input.SkipLastField();
                }
            }

            return record;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
