using System.Net;
using System.Text.RegularExpressions;
using ModelPort.Diagnostics;
using NuGet.Configuration;
using NuGet.Protocol.Core.Types;

namespace ModelPort.Packages.Feeds;

/// <summary>What went wrong with a feed, in coded words, without the secrets that NuGet's own messages may quote.</summary>
internal static partial class FeedFault
{
    /// <summary>What a source is called in messages: its name, and its address without user, password, query and fragment.</summary>
    public static string NameOf(PackageSource source)
    {
        var address = Scrub(source.Source);
        return source.Name == source.Source ? address : $"{source.Name} ({address})";
    }

    /// <summary>The error of an exception.</summary>
    /// <param name="feed">What the feed is called.</param>
    /// <param name="exception">What NuGet, or the system below it, threw.</param>
    public static ModelPortException Of(string feed, Exception exception)
    {
        var causes = Causes(exception).ToArray();
        if (causes.OfType<HttpRequestException>().Select(e => e.StatusCode).FirstOrDefault(s => s is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) is { } status)
        {
            return new ModelPortException(Diagnose.FeedRefused(feed, $"{(int)status} {status}"), exception);
        }

        // The outer ones say which of NuGet's steps it was, the innermost what happened.
        return new ModelPortException(Diagnose.FeedUnreachable(feed, Scrub(causes[^1].Message)), exception);
    }

    /// <summary>The error of an answer that is no success.</summary>
    public static ModelPortException Of(string feed, HttpStatusCode status) => new(status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
        ? Diagnose.FeedRefused(feed, $"{(int)status} {status}")
        : Diagnose.FeedUnreachable(feed, $"it answers {(int)status} {status}"));

    /// <summary>Whether an exception comes from asking a feed, rather than from a fault here.</summary>
    public static bool IsOfFeed(Exception exception) => exception is NuGetProtocolException or HttpRequestException or IOException or TimeoutException or TaskCanceledException or UnauthorizedAccessException or NuGetConfigurationException
        or InvalidDataException or Newtonsoft.Json.JsonException or NotSupportedException or InvalidOperationException or AggregateException or NuGet.Packaging.Core.PackagingException;

    /// <summary>A text whose addresses have lost what may be secret.</summary>
    internal static string Scrub(string text) => Query().Replace(User().Replace(text, "$1"), "$1");

    private static IEnumerable<Exception> Causes(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause is AggregateException several ? several.InnerExceptions[0] : cause.InnerException)
        {
            yield return cause;
        }
    }

    [GeneratedRegex(@"(\b[a-z][a-z0-9+.-]*://)[^/\s'""]*@", RegexOptions.IgnoreCase)]
    private static partial Regex User();

    [GeneratedRegex(@"(\bhttps?://[^\s?#'""]*)[?#][^\s'""]*", RegexOptions.IgnoreCase)]
    private static partial Regex Query();
}
