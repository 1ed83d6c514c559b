using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

public sealed class EvaluationLengthTests
{
    [Theory]
    [InlineData(0, 8192)]
    [InlineData(3_672_320, 8192)]
    [InlineData(488_000_000, 8192)]
    [InlineData(489_000_000, 7680)]
    [InlineData(1_000_000_000, 3584)]
    [InlineData(1_240_000_000, 3072)]
    [InlineData(1_950_000_000, 2048)]
    [InlineData(70_000_000_000, 2048)]
    [InlineData(long.MaxValue, 2048)]
    public void A_larger_model_is_measured_on_fewer_tokens_but_never_on_too_few(long parameters, int tokens) => Assert.Equal(tokens, EvaluationLength.Of(parameters));

    [Fact]
    public void What_the_user_says_is_taken_as_it_is()
    {
        var request = Ports.Request(Repository.Sample, "Q8_0");
        Assert.Equal(3584, EvaluationData.Open(request, 1_000_000_000).Tokens);
        Assert.Equal(12345, EvaluationData.Open(request.With(c => c with { EvaluationTokens = 12345 }), 1_000_000_000).Tokens);
    }

    [Fact]
    public void A_window_that_is_longer_than_the_default_is_measured_whole() =>
        Assert.Equal(4096, EvaluationData.Open(Ports.Request(Repository.Sample, "Q8_0").With(c => c with { EvaluationWindow = 4096 }), 70_000_000_000).Tokens);
}
