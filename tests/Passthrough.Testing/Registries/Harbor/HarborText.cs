using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>How Harbor reads and writes small things.</summary>
static partial class HarborText
{
    /// <summary>As Go's <c>url.QueryUnescape</c>: a plus is a blank.</summary>
    public static string Decode(string text) => WebUtility.UrlDecode(text);

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>As its quota messages give sizes: <c>2.9 MiB</c>.</summary>
    public static string Bytes(long bytes)
    {
        var (value, unit) = (Math.Abs((double)bytes), 0);
        while (value >= 1024 && unit < 5)
            (value, unit) = (value / 1024, unit + 1);
        return unit == 0 ? $"{bytes} B" : $"{value.ToString("0.0", CultureInfo.InvariantCulture)} {"KMGTP"[unit - 1]}iB";
    }

    public static bool IsName(string name) => Name().IsMatch(name);

    [GeneratedRegex("^[a-z0-9]+(?:[._-][a-z0-9]+)*$")]
    private static partial Regex Name();
}
