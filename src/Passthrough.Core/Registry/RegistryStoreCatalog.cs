using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>The catalogue: an extension of the distribution project's that many registries lack, restrict or filter.</summary>
public sealed partial class RegistryStore
{
    /// <summary>Asks whether any repository's name begins with a path. One request for one name, however many there are.</summary>
    /// <param name="path">For example <c>mirror</c>; repositories below it are looked for.</param>
    /// <returns>Null where the registry does not tell: that says nothing about health or rights (registries.md 0, point 4).</returns>
    public Task<bool?> HasRepositoriesBelowAsync(string path, CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get, new Uri(Endpoint.BaseUri, $"v2/_catalog?n=1&last={Uri.EscapeDataString(path + "/")}"))
        {
            Action = $"look for repositories below {path}",
            Repository = path,
            Scopes = ["registry:catalog:*"],
        };
        return client.SendAsync<bool?>(call, async (response, token) =>
        {
            if (response.StatusCode != HttpStatusCode.OK
                || Json.TryParseObject(System.Text.Encoding.UTF8.GetString(await client.ReadAsync(response, MaxTagPageBytes, call.Action, token)))?["repositories"] is not JArray names)
                return null;
            return names.Any(name => name is JValue { Value: string text } && text.StartsWith(path + "/", StringComparison.Ordinal));
        }, cancellation);
    }
}
