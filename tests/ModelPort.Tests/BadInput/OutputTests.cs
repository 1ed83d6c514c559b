using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Places that cannot be written, and sources that do not hold still.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void An_output_that_is_a_file_is_refused_and_left_alone()
    {
        File.WriteAllText(_checkpoint.Output, "mine");
        var request = _checkpoint.Request();
        var error = Assert.Throws<ModelPortException>(() => PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken)).Diagnostic;
        Assert.Equal(("MP2001", _checkpoint.Output), (error.Code, error.File));
        Assert.Equal("mine", File.ReadAllText(_checkpoint.Output));
    }

    [Fact]
    public void An_output_below_a_file_is_refused()
    {
        File.WriteAllText(_checkpoint.Beside("file"), "");
        var output = Path.Combine(_checkpoint.Beside("file"), "out");
        var request = _checkpoint.Request(output);
        var error = Assert.Throws<ModelPortException>(() => PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken)).Diagnostic;
        Assert.Equal(("MP2001", output), (error.Code, error.File));
    }

    [Fact]
    public void An_output_that_nobody_may_write_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs Linux: /proc takes no folders, not even from the superuser.");
        const string Output = "/proc/modelport";
        var request = _checkpoint.Request(Output);
        var error = Assert.Throws<ModelPortException>(() => PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken)).Diagnostic;
        Assert.Equal(("MP2001", Output), (error.Code, error.File));
    }

    [Fact]
    public void A_folder_where_the_port_should_be_is_refused_and_left_alone()
    {
        var inTheWay = Path.Combine(_checkpoint.Output, "model-Q8_0.gguf");
        Directory.CreateDirectory(inTheWay);
        var request = _checkpoint.Request();
        var error = Assert.Throws<ModelPortException>(() => PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken)).Diagnostic;
        Assert.Equal(("MP2001", inTheWay), (error.Code, error.File));
        Assert.Equal([".modelport.lock", "model-Q8_0.gguf"], Directory.GetFileSystemEntries(_checkpoint.Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    public void A_source_that_changes_while_it_is_read_is_refused(string name)
    {
        _checkpoint.Observer = Meddler(() => File.SetLastWriteTimeUtc(_checkpoint[name], DateTime.UtcNow.AddSeconds(10)));
        _checkpoint.Refused("MP1023", _checkpoint[name], "changed while it was read");
    }

    [Fact]
    public void A_source_that_vanishes_while_it_is_read_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not let go of an open file.");
        _checkpoint.Observer = Meddler(() => File.Delete(_checkpoint["tokenizer.json"]));
        var error = _checkpoint.Refused();
        Assert.Equal(_checkpoint["tokenizer.json"], error.File);
        Assert.Contains(error.Code, new[] { "MP1003", "MP1023" });
    }

    [Fact]
    public void A_file_that_changed_or_vanished_is_named_by_the_hash()
    {
        SourceHash Hash(SourceFile file) => SourceHash.Compute([file], 2, _checkpoint.Observer, TestContext.Current.CancellationToken);
        var file = SourceFile.Of(_checkpoint["config.json"], _checkpoint.Model);
        Assert.Equal("MP1023", Assert.Throws<ModelPortException>(() => Hash(file with { Length = 1 })).Diagnostic.Code);
        Assert.Equal("MP1003", Assert.Throws<ModelPortException>(() => Hash(file with { Path = _checkpoint["gone.json"] })).Diagnostic.Code);
    }

    [Fact]
    public void A_cancelled_port_leaves_nothing()
    {
        using var cancel = new CancellationTokenSource();
        var request = _checkpoint.Request();
        var stop = Assert.ThrowsAny<OperationCanceledException>(() => PortPipeline.Run(request, Meddler(cancel.Cancel), cancel.Token));
        Assert.Equal("MP2006", Diagnose.From(stop, _checkpoint.Model).Code);
        Assert.Equal([".modelport.lock"], Directory.GetFileSystemEntries(_checkpoint.Output).Select(Path.GetFileName));
    }

    [Fact]
    public void A_refused_source_leaves_the_port_of_an_earlier_one()
    {
        var request = _checkpoint.Request();
        PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken);
        var before = Directory.GetFiles(_checkpoint.Output).ToDictionary(f => f, File.ReadAllBytes);
        _checkpoint.EditTensors(t => t.Poke("model.norm.weight", 0, 0x7FC0));
        Assert.Throws<ModelPortException>(() => PortPipeline.Run(request, _checkpoint.Observer, TestContext.Current.CancellationToken));
        Assert.Equal(before, Directory.GetFiles(_checkpoint.Output).ToDictionary(f => f, File.ReadAllBytes));
    }

    // Does something to the source as soon as the port reads it.
    private static Witness Meddler(Action meddle)
    {
        var done = 0;
        return new Witness(progress =>
        {
            if (progress.Stage == "port" && Interlocked.Exchange(ref done, 1) == 0)
            {
                meddle();
            }
        });
    }
}
