using System.CommandLine;
using ModelPort.Packages.Feeds;

namespace ModelPort.Tool;

/// <summary>The options of commands that ask package feeds, spelled like dotnet's.</summary>
internal sealed class FeedArguments
{
    private readonly Option<string[]> _sources = new("--source", "-s") { Description = "A package source instead of the configured ones: a name, URL or folder; may be repeated.", AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> _configFile = new("--configfile") { Description = "The nuget.config to use instead of the hierarchy from the current folder." };
    private readonly Option<bool> _prerelease = new("--prerelease") { Description = "Prereleases count." };
    private readonly Option<bool> _interactive = new("--interactive") { Description = "Credential providers may ask." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_sources);
        command.Add(_configFile);
        command.Add(_prerelease);
        command.Add(_interactive);
    }

    /// <summary>What was given.</summary>
    public FeedOptions Read(ParseResult parsed) => new()
    {
        Sources = parsed.GetValue(_sources) ?? [],
        ConfigFile = parsed.GetValue(_configFile),
        Prerelease = parsed.GetValue(_prerelease),
        Interactive = parsed.GetValue(_interactive),
        Say = Console.Error.WriteLine,
    };
}
