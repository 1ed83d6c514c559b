using System.Diagnostics;
using ModelPort.Tests.Support;
using StbImageSharp;

namespace ModelPort.Tests.Reports;

/// <summary>The page as a browser shows it.</summary>
public sealed class ScreenshotTests(AttributedReport sample) : IClassFixture<AttributedReport>
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    [Theory]
    [InlineData("light", 1280)]
    [InlineData("light", 400)]
    [InlineData("dark", 1280)]
    [InlineData("dark", 400)]
    public void The_page_reads_well_in_light_and_dark_on_wide_and_narrow_screens(string scheme, int width)
    {
        using var folder = new TemporaryFolder();
        var image = Shoot(folder, scheme, width);
        var (r, g, b) = At(image, 2, 2);
        Assert.True(scheme == "dark" ? r + g + b < 150 : r + g + b > 650, $"The page's background is {r}, {g}, {b}.");

        // Nothing sticks out at the right, where a reader would have to scroll the page itself.
        Assert.All(Enumerable.Range(0, image.Height), y => Assert.Equal((r, g, b), At(image, width - 3, y)));

        // Text and drawings differ from the paper: by far more than half of its brightness, in a good part of the picture.
        var ink = 0;
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (pr, pg, pb) = At(image, x, y);
                ink += Math.Abs(pr - r) + Math.Abs(pg - g) + Math.Abs(pb - b) > 380 ? 1 : 0;
            }
        }

        Assert.InRange((double)ink / (width * image.Height), 0.01, 0.3);
    }

    private ImageResult Shoot(TemporaryFolder folder, string scheme, int width)
    {
        var path = folder["page.png"];
        using var browser = Process.Start(new ProcessStartInfo(Browser())
        {
            ArgumentList =
            {
                "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync",
                "--disable-background-networking", "--disable-component-update", $"--user-data-dir={folder["profile"]}",
                $"--blink-settings=preferredColorScheme={(scheme == "dark" ? 0 : 1)}", $"--window-size={width},2400", $"--screenshot={path}",
                new Uri(sample.PagePath).AbsoluteUri,
            },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var said = browser.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        browser.StandardOutput.ReadToEnd();
        Assert.True(browser.WaitForExit(TimeSpan.FromMinutes(2)), "The browser did not end.");
        Assert.True(File.Exists(path), said.GetAwaiter().GetResult());
        return ImageResult.FromMemory(File.ReadAllBytes(path), ColorComponents.RedGreenBlue);
    }

    private static string Browser()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var found = Names.SelectMany(n => folders.Select(f => Path.Combine(f, OperatingSystem.IsWindows() ? n + ".exe" : n))).FirstOrDefault(File.Exists);
        Assert.SkipWhen(found is null, "The page is not looked at: install Chromium (on Debian: apt-get install chromium).");
        return found;
    }

    private static (int R, int G, int B) At(ImageResult image, int x, int y)
    {
        var at = (y * image.Width + x) * 3;
        return (image.Data[at], image.Data[at + 1], image.Data[at + 2]);
    }
}
