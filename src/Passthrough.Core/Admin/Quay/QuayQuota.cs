using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin.Quay;

/// <summary>The quota of an organization, as it is told to its owners (registries.md B.4). The API knows no robots and no passwords, so only a token asks.</summary>
static class QuayQuota
{
    /// <summary>One request. Null where nothing is refused for a quota, or it is not told.</summary>
    public static async Task<FreeRoom?> AskAsync(AdminConnection connection, string organization, CancellationToken cancellation)
    {
        var credential = connection.Credential;
        if ((credential?.Token ?? (credential?.Username == QuayApi.TokenUser ? credential.Password : null)) is not { } token)
            return null;
        var place = $"organization {organization} on {connection.Endpoint.Authority}";
        var call = new AdminCall(HttpMethod.Get, $"api/v1/organization/{Uri.EscapeDataString(organization)}")
        {
            Action = $"read the quota of {place}",
            IsAnonymous = true,
            Headers = [new("Authorization", $"Bearer {token}")],
            IsFinal = _ => true,
        };
        var json = (await connection.Client.SendAsync(call, cancellation)).Json as JObject;
        // Until the server has counted for the first time it says 0, which is still no reason to begin what cannot fit.
        if ((json?["quota_report"] as JObject)?["quota_bytes"] is not JValue { Value: long used })
            return null;
        var limit = long.MaxValue;
        foreach (var quota in (json!["quotas"] as JArray ?? []).OfType<JObject>())
        {
            foreach (var one in (quota["limits"] as JArray ?? []).OfType<JObject>())
            {
                // A limit that only warns refuses nothing.
                if (QuayApi.Text(one, "type") == "Reject" && quota["limit_bytes"] is JValue { Value: long bytes } && one["limit_percent"] is JValue { Value: long percent })
                    limit = Math.Min(limit, bytes / 100 * percent);
            }
        }

        return limit == long.MaxValue ? null : new FreeRoom(place, limit, used);
    }
}
