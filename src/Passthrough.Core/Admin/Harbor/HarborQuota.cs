using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>The quota of a project, as it is told to members and to robots with the rights project:read and quota:read (registries.md A.4).</summary>
static class HarborQuota
{
    /// <summary>One request. Null where there is no quota, or it is not told.</summary>
    public static async Task<FreeRoom?> AskAsync(AdminConnection connection, string project, CancellationToken cancellation)
    {
        var api = new HarborApi(connection);
        if (!api.HasPassword)
            return null;
        var call = new AdminCall(HttpMethod.Get, $"api/v2.0/projects/{Uri.EscapeDataString(project)}/summary")
        {
            Action = $"read the quota of project {project} on {api.Authority}",
            Headers = [HarborApi.ByName],
            IsFinal = _ => true,
        };
        var quota = ((await connection.Client.SendAsync(call, cancellation)).Json as JObject)?["quota"] as JObject;
        return (quota?["hard"] as JObject)?["storage"] is JValue { Value: >= 0L and long limit } && (quota["used"] as JObject)?["storage"] is JValue { Value: long used }
            ? new FreeRoom($"project {project} on {api.Authority}", limit, used)
            : null;
    }
}
