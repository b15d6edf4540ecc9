using System.Text.RegularExpressions;

namespace Passthrough.Core.Validation;

/// <summary>What the library that skopeo and podman share logs at debug level.</summary>
static partial class ClientLog
{
    /// <summary>The registries.conf files and drop-ins that it read.</summary>
    public static IEnumerable<string> LoadedFiles(string errors) => LoadedFile().Matches(errors).Select(match => Unquote(match.Groups[1].Value));

    /// <summary>The names at which it tried to find the image, in order.</summary>
    public static IReadOnlyList<string> Places(string errors) => [.. Place().Matches(errors).Select(match => Unquote(match.Groups[1].Value))];

    /// <summary>Why it gave up.</summary>
    public static string LastWords(string errors) =>
        FatalLine().Matches(errors).LastOrDefault() is { } fatal ? Unquote(fatal.Groups[1].Value)
        : ErrorLine().Matches(errors).LastOrDefault() is { } error ? error.Groups["words"].Value.Trim()
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

    [GeneratedRegex("""Loading registries configuration (\\".*?\\")""")]
    private static partial Regex LoadedFile();

    [GeneratedRegex("""msg="Trying to access (\\".*?\\")""")]
    private static partial Regex Place();

    /// <summary>skopeo's.</summary>
    [GeneratedRegex("""level=fatal msg=("(?:[^"\\]|\\.)*"|\S+)""")]
    private static partial Regex FatalLine();

    /// <summary>podman's.</summary>
    [GeneratedRegex("^Error: (?<words>.*)$", RegexOptions.Multiline)]
    private static partial Regex ErrorLine();
}
