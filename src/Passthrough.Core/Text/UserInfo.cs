using System.Text.RegularExpressions;

namespace Passthrough.Core.Text;

/// <summary>
/// User names and passwords in addresses (<c>user:password@host</c>): they do not belong there, and must not be repeated when that is
/// said.
/// </summary>
public static partial class UserInfo
{
    /// <summary>The users and passwords of all addresses in a text, as they were written and with <c>%</c> escapes undone.</summary>
    public static IEnumerable<(string User, string Password)> In(string text)
    {
        foreach (Match match in Written().Matches(text))
        {
            var info = match.Value[..^1];
            var colon = info.IndexOf(':');
            var (user, password) = (info[..colon], info[(colon + 1)..]);
            yield return (user, password);
            if (info.Contains('%'))
                yield return (Uri.UnescapeDataString(user), Uri.UnescapeDataString(password));
        }
    }

    /// <summary>Whether an address in the text has a user name or a password.</summary>
    public static bool IsIn(string text) => Written().IsMatch(text.AsSpan());

    /// <summary>The text with each password replaced by asterisks.</summary>
    public static string Hidden(string text)
    {
        foreach (var (_, password) in In(text))
        {
            if (password.Length > 0)
                text = text.Replace($":{password}@", ":********@");
        }

        return text;
    }

    // A tag before a digest (app:1.0@sha256:…) is not a password, nor is a port with a path (host:8443/a@b). Passwords with slashes should
    // be escaped and often are not.
    [GeneratedRegex(
        @"(?<=^|//|[\s,""'=])[^\s/:@,""'=]*:(?!//|\d{1,5}/)[^\s,""']*@(?!(sha256|sha512):)(?=[\w.\[-])",
        RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex Written();
}
