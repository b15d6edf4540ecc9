using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// One file of credentials: docker's <c>config.json</c>, podman's <c>auth.json</c>, a cluster's pull secret, or the flat <c>.dockercfg</c>.
/// Which entry is used is what containers/image does (mirror-policies.md 9.2), because the same file is read by podman, skopeo and the cluster.
/// </summary>
sealed class AuthFile
{
    static readonly string[] DockerHubNames = ["docker.io", "index.docker.io", "registry-1.docker.io"];

    readonly string path;
    readonly bool isFlat;
    readonly JObject entries;
    readonly JObject helpers;

    AuthFile(string path, bool isFlat, JObject entries, JObject helpers)
    {
        this.path = path;
        this.isFlat = isFlat;
        this.entries = entries;
        this.helpers = helpers;
    }

    /// <param name="path">The file, for messages.</param>
    /// <param name="isFlat">The form of <c>.dockercfg</c>: entries at the top.</param>
    /// <exception cref="ModuleException">Not JSON, or not of the form.</exception>
    public static AuthFile Parse(string path, ReadOnlySpan<byte> content, bool isFlat = false)
    {
        JToken json;
        try
        {
            if (content.StartsWith("\uFEFF"u8))
                throw new JsonReaderException("it begins with a byte-order mark");
            json = Json.Parse(content);
        }
        catch (JsonException e)
        {
            throw Invalid(path, $"is not JSON: {e.Message}", e);
        }

        var root = json.Type == JTokenType.Null ? [] : json as JObject ?? throw Invalid(path, "is not a JSON object");
        return isFlat ? new AuthFile(path, isFlat, Check(path, "the file", root), []) : new AuthFile(path, isFlat, Check(path, "auths", Member(root, "auths")), Member(root, "credHelpers") as JObject ?? []);
    }

    /// <summary>The credential for a repository; null to ask another file.</summary>
    /// <param name="runHelper">Asks a credential helper: program name, registry; null where it has nothing.</param>
    /// <exception cref="ModuleException">The entry that applies is damaged.</exception>
    public Credential? Find(string authority, string repository, Func<string, string, Credential?> runHelper)
    {
        if (helpers[authority] is JValue { Type: JTokenType.String } helper)
            return runHelper((string)helper!, authority);
        var key = KeysFor(authority, repository).FirstOrDefault(key => entries[key] is not null)
            ?? entries.Properties().Select(entry => entry.Name).FirstOrDefault(name => HostOf(name) == Hub(authority));
        return key is null ? null : Decode(key, (JObject)entries[key]!);
    }

    // From the longest to the host; the flat form knows hosts only.
    IEnumerable<string> KeysFor(string authority, string repository)
    {
        for (var rest = isFlat ? "" : repository; rest.Length > 0; rest = rest.LastIndexOf('/') is var slash && slash > 0 ? rest[..slash] : "")
            yield return $"{authority}/{rest}";
        yield return authority;
    }

    // "https://quay.io/v1/" is quay.io; "quay.io/v1/" without a scheme is a path, which nothing ever has.
    string HostOf(string key)
    {
        var host = key.StartsWith("http://", StringComparison.Ordinal) ? key[7..] : key.StartsWith("https://", StringComparison.Ordinal) ? key[8..] : key;
        if ((isFlat || host.Length != key.Length) && host.IndexOf('/') is var slash && slash >= 0)
            host = host[..slash];
        return Hub(host);
    }

    static string Hub(string host) => DockerHubNames.Contains(host) ? "docker.io" : host;

    Credential? Decode(string key, JObject entry)
    {
        string text;
        try
        {
            // Padded standard base64, as Go decodes it: line breaks do not matter.
            text = Encoding.UTF8.GetString(Convert.FromBase64String((string?)Member(entry, "auth") ?? ""));
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidCastException)
        {
            throw Invalid(path, $"has an entry {key} whose auth is not base64 of user:password", e);
        }

        var colon = text.IndexOf(':');
        if (colon < 0)
            return null;
        var identity = Member(entry, "identitytoken") is JValue { Type: JTokenType.String } token && (string)token! is { Length: > 0 } value ? value : null;
        var (user, password) = (text[..colon], text[(colon + 1)..].Trim('\0'));
        return user.Length == 0 && password.Length == 0 && identity is null ? null : new Credential { Username = user, Password = password, Token = identity, IsIdentityToken = identity is not null };
    }

    static JObject Check(string path, string what, JToken? entries)
    {
        if (entries is null or { Type: JTokenType.Null })
            return [];
        if (entries is not JObject map)
            throw Invalid(path, $"has {what} that is not an object");
        return map.Properties().FirstOrDefault(entry => entry.Value is not JObject) is { } odd ? throw Invalid(path, $"has an entry {odd.Name} that is not an object") : map;
    }

    // Go matches names of members without case.
    static JToken? Member(JObject parent, string name) => parent.GetValue(name, StringComparison.OrdinalIgnoreCase);

    static ModuleException Invalid(string path, string what, Exception? inner = null) =>
        new(ErrorCodes.InvalidArgument, $"auth file {path} {what}", "correct it, or log in again with podman login or docker login", inner);
}
