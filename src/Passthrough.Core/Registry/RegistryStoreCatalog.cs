using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>The catalogue: an extension of the distribution project's that many registries lack, restrict or filter.</summary>
public sealed partial class RegistryStore
{
    /// <summary>Names in one page; some registries refuse more.</summary>
    const int CatalogPage = 1000;

    /// <summary>After as many pages it is not worth waiting for the end.</summary>
    const int MostCatalogPages = 100;

    /// <summary>Looks for a repository whose name begins with a path. One request for one name where that answers it, else page after
    /// page.</summary>
    /// <param name="path">For example <c>mirror</c>; repositories below it are looked for, and <c>passthrough-probe</c> does not
    /// count.</param>
    public async Task<SeenRepositories> FindBelowAsync(string path, CancellationToken cancellation)
    {
        var (start, probe) = (path + "/", path + "/passthrough-probe");
        // Where the catalogue is in order this is a leap to the place; others want the name of a repository here that exists, or do not
        // look at it.
        if ((await ReadCatalogAsync(path, $"n=1&last={Uri.EscapeDataString(start)}", cancellation)).Names is [var next] && IsBelow(next))
            return new SeenRepositories(true, next);

        var seen = new HashSet<string>(StringComparer.Ordinal);
        var query = $"n={CatalogPage}";
        for (var page = 0; page < MostCatalogPages; page++)
        {
            var (names, link) = await ReadCatalogAsync(path, query, cancellation);
            if (names is null)
                return SeenRepositories.Unknown;
            if (names.FirstOrDefault(IsBelow) is { } found)
                return new SeenRepositories(true, found);
            if (link is null)
                return new SeenRepositories(false, null);
            // A page that shows nothing new is a server that goes round in circles.
            var before = seen.Count;
            seen.UnionWith(names);
            if (seen.Count == before)
                return SeenRepositories.Unknown;
            query = link;
        }

        return SeenRepositories.Unknown;

        bool IsBelow(string name) => name.StartsWith(start, StringComparison.Ordinal) && name != probe;
    }

    /// <summary>Whether it lists extensions of its own (distribution-spec, "Extensions"): such a registry keeps a repository for an upload
    /// that was cancelled.</summary>
    public Task<bool> HasExtensionsAsync(CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get,
            new Uri(Endpoint.BaseUri, "v2/_oci/ext/discover"))
        { Action = "list the extensions of the registry" };
        return client.SendAsync(call, async (response, token) =>
            response.StatusCode == HttpStatusCode.OK && await ReadObjectAsync(response, call, token) is { } json
                && json["extensions"] is not null, cancellation);
    }

    /// <returns>The names, and the query of the next page; null names where the registry does not tell, which says nothing about health or
    /// rights.</returns>
    async Task<(IReadOnlyList<string>? Names, string? Next)> ReadCatalogAsync(string path, string query, CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get, new Uri(Endpoint.BaseUri, $"v2/_catalog?{query}"))
        {
            Action = $"look for repositories below {path}",
            Repository = path,
            Scopes = ["registry:catalog:*"],
        };
        try
        {
            return await client.SendAsync<(IReadOnlyList<string>?, string?)>(call, async (response, token) =>
            {
                if (response.StatusCode != HttpStatusCode.OK)
                    return (null, null);
                var names = new List<string>();
                var page = await client.ReadAsync(response, Limits.PageBytes, call.Action, token);
                var isList = Json.TryReadList(page, "repositories", name =>
                {
                    if (name is JValue { Value: string text })
                        names.Add(text);
                });
                return isList ? (names, NextPage(response, call)?.Query.TrimStart('?')) : (null, null);
            }, cancellation);
        }
        // Token services that know no catalogue refuse its scope.
        catch (ModuleException e) when (e.HttpStatus is 400 or 401 or 403 or 404)
        {
            return (null, null);
        }
    }

    async Task<JObject?> ReadObjectAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation) =>
        Json.TryParseObject(await client.ReadAsync(response, Limits.PageBytes, call.Action, cancellation));
}

/// <summary>What the catalogue showed to whoever asked.</summary>
/// <param name="Exists">Null where the registry does not tell, or not all of it was seen.</param>
/// <param name="First">The name of one that exists.</param>
public sealed record SeenRepositories(bool? Exists, string? First)
{
    public static readonly SeenRepositories Unknown = new(null, null);
}
