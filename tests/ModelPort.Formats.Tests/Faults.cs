namespace ModelPort.Formats.Tests;

internal static class Faults
{
    /// <summary>The action must be refused with this fault, and the message must hold the member and the texts.</summary>
    public static InvalidModelFileException Expect(FileFault fault, Action action, string? member = null, params string[] texts)
    {
        InvalidModelFileException e = Assert.Throws<InvalidModelFileException>(action);
        Assert.True(fault == e.Fault, $"expected {fault}, was {e.Fault}: {e.Message}");
        Assert.Contains(Path.GetFileName(e.Path), e.Message, StringComparison.Ordinal);
        if (member is not null)
        {
            Assert.Equal(member, e.Member);
        }

        Assert.All(texts, text => Assert.Contains(text, e.Message, StringComparison.Ordinal));
        return e;
    }
}
