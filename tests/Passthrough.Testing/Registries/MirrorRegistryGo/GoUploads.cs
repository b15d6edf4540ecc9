using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>
/// Upload sessions as distribution 3 keeps them: what was received lies on the disk, where the next part goes stands signed in the address that the client was given
/// last. The key of the signature is a new one at each start of the server.
/// </summary>
sealed class GoUploads
{
    readonly Dictionary<string, Session> sessions = new(StringComparer.Ordinal);
    byte[] key = RandomNumberGenerator.GetBytes(32);

    /// <summary>The server was started again: addresses given before are worth nothing, received bytes are kept.</summary>
    public void Restart() => key = RandomNumberGenerator.GetBytes(32);

    public Session Start(string repository)
    {
        var session = new Session(Guid.NewGuid().ToString(), repository);
        sessions[session.Id] = session;
        return session;
    }

    public Session? Find(string repository, string id) => sessions.TryGetValue(id, out var session) && session.Repository == repository ? session : null;

    public void Remove(Session session) => sessions.Remove(session.Id);

    /// <summary>The text of <c>_state</c> for what was received so far.</summary>
    public string State(Session session)
    {
        var content = Encoding.UTF8.GetBytes(Json.Compact(new JObject { ["Name"] = session.Repository, ["UUID"] = session.Id, ["Offset"] = session.Received.Length }));
        return Convert.ToBase64String([.. HMACSHA256.HashData(key, content), .. content]).Replace('+', '-').Replace('/', '_');
    }

    /// <summary>What a <c>_state</c> says; null where this server did not sign it.</summary>
    public (string Repository, string Id, long Offset)? ReadState(string? text)
    {
        var bytes = new byte[text?.Length ?? 0];
        if (text is null || !Convert.TryFromBase64String(text.Replace('-', '+').Replace('_', '/'), bytes, out var count) || count < 32)
            return null;
        var content = bytes[32..count];
        if (!HMACSHA256.HashData(key, content).AsSpan().SequenceEqual(bytes.AsSpan(0, 32)) || Json.TryParseObject(Encoding.UTF8.GetString(content)) is not { } state)
            return null;
        return ((string)state["Name"]!, (string)state["UUID"]!, (long)state["Offset"]!);
    }

    public sealed class Session(string id, string repository)
    {
        public string Id => id;

        public string Repository => repository;

        public MemoryStream Received { get; } = new();
    }
}
