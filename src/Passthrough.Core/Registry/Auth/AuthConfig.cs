using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// <c>&lt;type&gt;-auth-config.json</c>: the account for scripts and playbooks that want user name and password apart (interface.md, "Files written").
/// </summary>
public sealed record AuthConfig
{
    const string CreatedAt = "created_at";

    /// <summary>The value of <c>registry_type</c>.</summary>
    public required string RegistryType { get; init; }

    /// <summary><c>https://host[:port]</c>.</summary>
    public required string RegistryUrl { get; init; }

    /// <summary><c>robot</c> or <c>token</c> for a service account, <c>basic</c> for a user, <c>none</c> for a registry that lets anybody in.</summary>
    public required string AuthMethod { get; init; }

    public string Username { get; init; } = "";

    public string Password { get; init; } = "";

    /// <summary>What a product has beside these: <c>project</c>, <c>organization</c>, <c>token</c>, ….</summary>
    public JObject Facts { get; init; } = [];

    /// <summary>Reads the file of an earlier run.</summary>
    /// <param name="content">What it holds; null where there is none.</param>
    /// <param name="registryUrl">The registry that it must be of.</param>
    /// <returns>Null where it is none, or of another registry.</returns>
    public static AuthConfig? TryRead(ReadOnlyMemory<byte>? content, string registryUrl) =>
        content is not null && Json.TryParseObject(Encoding.UTF8.GetString(content.Value.Span)) is { } json && Text(json, "registry_url") == registryUrl
            ? new AuthConfig { RegistryType = Text(json, "registry_type"), RegistryUrl = registryUrl, AuthMethod = Text(json, "auth_method"), Username = Text(json, "username"), Password = Text(json, "password") }
            : null;

    static string Text(JObject json, string name) => json[name] is JValue { Value: string text } ? text : "";

    /// <summary>The file's bytes.</summary>
    /// <param name="existing">What the file holds: its <c>created_at</c> is kept where nothing else differs, so that a second run changes nothing.</param>
    /// <param name="now">The time for <c>created_at</c> otherwise.</param>
    public ReadOnlyMemory<byte> Render(ReadOnlyMemory<byte>? existing, DateTimeOffset now)
    {
        var json = new JObject
        {
            ["registry_type"] = RegistryType,
            ["registry_url"] = RegistryUrl,
            ["auth_method"] = AuthMethod,
            ["username"] = Username,
            ["password"] = Password,
        };
        foreach (var fact in Facts.Properties())
            json[fact.Name] = fact.Value.DeepClone();
        json[CreatedAt] = CreatedAtOf(existing, json) ?? now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return Encoding.UTF8.GetBytes(Json.Indented(json));
    }

    static string? CreatedAtOf(ReadOnlyMemory<byte>? existing, JObject wanted)
    {
        if (existing is null || Json.TryParseObject(Encoding.UTF8.GetString(existing.Value.Span)) is not { } old || old[CreatedAt] is not JValue { Type: JTokenType.String } time)
            return null;
        old.Remove(CreatedAt);
        return JToken.DeepEquals(old, wanted) ? (string)time! : null;
    }
}
