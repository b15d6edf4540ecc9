using System.Security.Cryptography;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries;

/// <summary>
/// zot as far as registries differ without an image: htpasswd with accessControl, a catalogue whose <c>last</c> must exist, repositories
/// that an upload alone
/// creates, the list of extensions (project-zot/zot, pkg/api/routes.go, pkg/storage/imagestore).
/// </summary>
public sealed class ZotFake : FakeServer
{
    readonly Dictionary<string, (string Password, bool MayPush)> accounts = new(StringComparer.Ordinal);
    readonly HashSet<string> repositories = new(StringComparer.Ordinal);
    readonly HashSet<string> uploads = new(StringComparer.Ordinal);

    ZotFake()
        : base("127.0.0.1", certificate: null)
    {
    }

    /// <summary>In the order of a walk through its folders.</summary>
    public IReadOnlyList<string> Repositories =>
        [.. repositories.OrderBy(name => name.Replace('/', '\0'), StringComparer.Ordinal)];

    /// <summary>Uploads that were begun and not cancelled.</summary>
    public IReadOnlyCollection<string> Uploads => uploads;

    public static async Task<ZotFake> Start()
    {
        var zot = new ZotFake();
        await zot.ListenAsync();
        return zot;
    }

    /// <summary>An account that may read and, by accessControl, perhaps write.</summary>
    public void AddAccount(string name, string password, bool mayPush) => accounts[name] = (SuiteOutput.Secret(password, name), mayPush);

    public void AddRepository(string name) => repositories.Add(name);

    protected override FakeAnswer Answer(FakeCall call)
    {
        if (call.Basic is not { } basic || !accounts.TryGetValue(basic.User, out var account) || account.Password != basic.Password)
            return Error(401, "UNAUTHORIZED", "authentication required").With("WWW-Authenticate", "Basic realm=\"zot\"");
        var parts = call.Path.Trim('/').Split('/');
        return parts switch
        {
            ["v2"] => FakeAnswer.Text(200, "", "application/json").With("Docker-Distribution-API-Version", "registry/2.0"),
            ["v2", "_catalog"] => Catalog(call),
            ["v2", "_oci", "ext", "discover"] => FakeAnswer.Json(200, new JObject { ["extensions"] = new JArray() }),
            ["v2", .. var name, "blobs", "uploads"] when call.Method == "POST" => StartUpload(string.Join('/', name), account.MayPush),
            ["v2", .., "blobs", "uploads", var id] when call.Method == "DELETE" => FakeAnswer.Empty(uploads.Remove(id) ? 204 : 404),
            _ => Error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        };
    }

    FakeAnswer StartUpload(string name, bool mayPush)
    {
        if (!mayPush)
            return Error(403, "DENIED", "requested access to the resource is denied");
        repositories.Add(name);
        var id = RandomNumberGenerator.GetHexString(32, lowercase: true);
        uploads.Add(id);
        return FakeAnswer.Empty(202).With("Location", $"/v2/{name}/blobs/uploads/{id}").With("Range", "0-0");
    }

    // Nothing comes after a name that does not exist.
    FakeAnswer Catalog(FakeCall call)
    {
        var names = Repositories;
        if (call.Parameter("last") is { Length: > 0 } last)
            names = names.Contains(last) ? [.. names.SkipWhile(name => name != last).Skip(1)] : [];
        var most = int.TryParse(call.Parameter("n"), out var count) ? count : names.Count;
        var page = names.Take(most).ToList();
        var answer = FakeAnswer.Json(200, new JObject { ["repositories"] = new JArray(page) });
        return names.Count > most && page.Count > 0 ? answer.With("Link", $"</v2/_catalog?n={most}&last={page[^1]}>; rel=\"next\"")
            : answer;
    }

    static FakeAnswer Error(int status, string code, string message) =>
        FakeAnswer.Json(status,
            new JObject { ["errors"] = new JArray(new JObject { ["code"] = code, ["message"] = message, ["detail"] = new JObject() }) })
            .With("Docker-Distribution-API-Version", "registry/2.0");
}
