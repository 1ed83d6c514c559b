using ModelPort.Packages.Feeds;
using NuGet.Versioning;

namespace ModelPort.Tests.Packages.Feeds;

/// <summary>What a command line means by a package.</summary>
public sealed class WantedPackageTests
{
    [Theory]
    [InlineData("Acme.Tiny", true)]
    [InlineData("Acme.Tiny@1.0.0", true)]
    [InlineData("bin/Debug", false)]
    [InlineData("out.nupkg", false)]
    [InlineData("../Acme.Tiny@1.0.0", false)]
    [InlineData("", false)]
    public void A_path_is_no_package(string text, bool isPackage) => Assert.Equal(isPackage, WantedPackage.TryParse(text) is not null);

    [Fact]
    public void A_hidden_version_is_chosen_by_a_range_as_restore_does_but_never_as_the_latest()
    {
        FeedVersion[] versions = [new(NuGetVersion.Parse("1.0.0"), true, null), new(NuGetVersion.Parse("1.1.0"), false, null)];
        Assert.Equal("1.0.0", WantedPackage.TryParse("A")!.ChooseFrom(versions, prerelease: true)!.ToString());
        Assert.Equal("1.1.0", WantedPackage.TryParse("A@1.*")!.ChooseFrom(versions, prerelease: false)!.ToString());
    }
}
