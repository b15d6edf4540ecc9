using System.Globalization;
using System.Text.RegularExpressions;

namespace Passthrough.Testing.Registries;

/// <summary>A line of docker-registry's access log (combined log format).</summary>
public sealed partial record RegistryRequest(string Method, string Path, int Status, long Bytes, string UserAgent)
{
    /// <summary>Whether it asks the registry to change something.</summary>
    public bool IsWrite => Method is not ("GET" or "HEAD");

    /// <summary>The digest of the blob whose upload this request completed; null for other requests.</summary>
    public string? UploadedBlob =>
        this is { Method: "PUT", Status: 201 } && Path.Contains("/blobs/uploads/", StringComparison.Ordinal) && DigestParameter().Match(Path) is { Success: true } match
            ? Uri.UnescapeDataString(match.Groups[1].Value)
            : null;

    /// <summary>Whether it gave a repository a blob that another one has.</summary>
    public bool IsMount => this is { Method: "POST", Status: 201 } && Path.Contains("mount=", StringComparison.Ordinal);

    /// <summary>Null for lines that are something else.</summary>
    public static RegistryRequest? Parse(string line) =>
        AccessLog().Match(line) is { Success: true } match
            ? new(match.Groups[1].Value, match.Groups[2].Value, Number(match.Groups[3]), Number(match.Groups[4]), match.Groups[5].Value)
            : null;

    public override string ToString() => $"{Method} {Path} -> {Status}";

    static int Number(Group group) => int.TryParse(group.ValueSpan, CultureInfo.InvariantCulture, out var number) ? number : 0;

    [GeneratedRegex("""^\S+ \S+ \S+ \[[^\]]*\] "([A-Z]+) (\S+) HTTP/[0-9.]+" ([0-9]{3}) (\S+) "[^"]*" "([^"]*)"$""", RegexOptions.None, 1000)]
    private static partial Regex AccessLog();

    [GeneratedRegex("[?&]digest=([^&]+)", RegexOptions.None, 1000)]
    private static partial Regex DigestParameter();
}
