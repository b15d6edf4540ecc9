using System.Text.RegularExpressions;
using Passthrough.Core.Text;

namespace Passthrough.Core.Validation;

/// <summary>What the library that skopeo and podman share logs at debug level.</summary>
static partial class ClientLog
{
    const string PodmansError = "Error: ";

    /// <summary>The registries.conf files and drop-ins that it read.</summary>
    public static IEnumerable<string> LoadedFiles(string errors) => Quoted().MatchesAfter(errors, "Loading registries configuration ").Select(match => Unquote(match.Groups[1].Value));

    /// <summary>The names at which it tried to find the image, in order.</summary>
    public static IReadOnlyList<string> Places(string errors) => [.. Quoted().MatchesAfter(errors, "msg=\"Trying to access ").Select(match => Unquote(match.Groups[1].Value))];

    /// <summary>Why it gave up.</summary>
    public static string LastWords(string errors) =>
        FatalMessage().MatchesAfter(errors, "level=fatal msg=").LastOrDefault() is { } fatal ? Unquote(fatal.Groups[1].Value)
        : errors.Split('\n').LastOrDefault(line => line.StartsWith(PodmansError, StringComparison.Ordinal)) is { } error ? error[PodmansError.Length..].Trim()
        : errors.TrimEnd().Split('\n')[^1].Trim();

    // A message of logrus, and a %q within it.
    static string Unquote(string text)
    {
        if (text.StartsWith("\\\"", StringComparison.Ordinal))
            text = text[2..^2];
        else if (text.StartsWith('"') && text.Length > 1)
            text = text[1..^1];
        return text.Replace("\\n", " ").Replace("\\t", " ").Replace("\\\"", "\"").Replace("\\\\", "\\");
    }

    [GeneratedRegex("""\G(\\".*?\\")""")]
    private static partial Regex Quoted();

    /// <summary>skopeo's.</summary>
    [GeneratedRegex("""\G("(?:[^"\\]|\\.)*"|\S+)""")]
    private static partial Regex FatalMessage();
}
