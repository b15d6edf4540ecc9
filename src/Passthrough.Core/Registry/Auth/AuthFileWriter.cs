using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// Puts one registry's entry into a file of credentials, or takes it out: docker's <c>config.json</c>, podman's <c>auth.json</c>, a cluster's pull secret.
/// Everything else in the file stays, in its order; a file that is right already stays as it is, byte for byte.
/// Which entry a program uses: mirror-policies.md 9.2.
/// </summary>
public static class AuthFileWriter
{
    const string Auths = "auths";
    const string CredHelpers = "credHelpers";
    const string CredsStore = "credsStore";
    const string Auth = "auth";

    // What programs prefer to auth: a left one would be used in its stead.
    static readonly string[] Rivals = ["identitytoken", "registrytoken"];

    /// <summary>The file with the entry.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="content">What it holds; null where there is none.</param>
    /// <param name="authority"><c>host[:port]</c>: the form that docker, podman and OpenShift all find.</param>
    /// <param name="credential">User name and password.</param>
    /// <param name="onWarning">Told what will keep programs from using the entry.</param>
    /// <exception cref="ModuleException">The file is no such file, or a credential helper is asked in place of the entry.</exception>
    public static ReadOnlyMemory<byte> Merge(string path, ReadOnlyMemory<byte>? content, string authority, Credential credential, Action<string> onWarning)
    {
        var root = Parse(path, content);
        if (Member(root, CredHelpers) is JObject helpers && helpers[authority] is JValue helper)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{path} has {(string?)helper} in credHelpers for {authority}, which is asked before any entry of the file", $"remove {authority} from credHelpers, or name another file");
        if (Member(root, CredsStore) is JValue { Type: JTokenType.String } store && ((string)store!).Length > 0)
            onWarning($"{path} has credsStore \"{store}\": docker asks that program and not the file; podman, skopeo and OpenShift read the entry. Name another file if docker is to use it");
        var auths = Member(root, Auths) switch
        {
            null or { Type: JTokenType.Null } => null,
            JObject entries => entries,
            _ => throw Invalid(path, "has auths that is not an object"),
        };
        foreach (var narrower in auths?.Properties().Where(entry => entry.Name.StartsWith(authority + "/", StringComparison.Ordinal)) ?? [])
            onWarning($"{path} has an entry {narrower.Name}, which is used in place of {authority} for what is below it");

        var auth = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}"));
        var entry = auths?[authority] as JObject;
        if (entry is not null && (string?)(entry[Auth] as JValue) == auth && !Rivals.Any(entry.ContainsKey))
            return content!.Value;

        entry ??= [];
        foreach (var rival in Rivals)
            entry.Remove(rival);
        entry[Auth] = auth;
        if (auths is null)
            SetMember(root, Auths, auths = []);
        auths[authority] = entry;
        return Encoding.UTF8.GetBytes(Json.Indented(root));
    }

    /// <summary>The file without the entry.</summary>
    /// <returns>Null where nothing is left that anybody wrote: the file can go.</returns>
    /// <exception cref="ModuleException">The file is no such file.</exception>
    public static ReadOnlyMemory<byte>? Remove(string path, ReadOnlyMemory<byte> content, string authority)
    {
        var root = Parse(path, content);
        if (Member(root, Auths) is not JObject auths || !auths.Remove(authority))
            return content;
        return auths.Count == 0 && root.Count == 1 ? null : (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(Json.Indented(root));
    }

    /// <summary>The file as text without its secrets, for people: names of registries stay.</summary>
    public static string Redact(ReadOnlyMemory<byte>? content)
    {
        if (content is null)
            return "";
        if (Json.TryParseObject(Encoding.UTF8.GetString(content.Value.Span)) is not { } root)
            return "(not JSON)\n";
        foreach (var value in root.Descendants().OfType<JValue>().Where(value => value.Type == JTokenType.String && value.Parent is JProperty { Name: var name } && IsSecret(name)).ToList())
            value.Value = ((string)value!).Length == 0 ? "" : "********";
        return Json.Indented(root);
    }

    static bool IsSecret(string name) =>
        name.Equals(Auth, StringComparison.OrdinalIgnoreCase) || name.Contains("token", StringComparison.OrdinalIgnoreCase) || name.Contains("password", StringComparison.OrdinalIgnoreCase) || name.Contains("secret", StringComparison.OrdinalIgnoreCase);

    static JObject Parse(string path, ReadOnlyMemory<byte>? content)
    {
        // An empty file is what touch(1) leaves.
        if (content is null || content.Value.Span.Trim(" \t\r\n"u8).IsEmpty)
            return [];
        try
        {
            return Json.Parse(content.Value.Span) as JObject ?? throw Invalid(path, "is not a JSON object");
        }
        catch (JsonException e)
        {
            throw Invalid(path, $"is not JSON: {e.Message.TrimEnd('.')}", e);
        }
    }

    // Go matches names of members without case.
    static JToken? Member(JObject parent, string name) => parent.GetValue(name, StringComparison.OrdinalIgnoreCase);

    static void SetMember(JObject parent, string name, JToken value)
    {
        if (parent.Property(name, StringComparison.OrdinalIgnoreCase) is { } property)
            property.Value = value;
        else
            parent[name] = value;
    }

    static ModuleException Invalid(string path, string what, Exception? inner = null) =>
        new(ErrorCodes.InvalidArgument, $"auth file {path} {what}, so nothing was put into it", "correct it or move it away", inner);
}
