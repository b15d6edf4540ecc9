using System.Net;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>The referrers API (distribution-spec, "Listing referrers").</summary>
public sealed partial class RegistryStore
{
    public async Task<IReadOnlyList<Descriptor>?> ListReferrersAsync(Reference subject, CancellationToken cancellation)
    {
        var first = Pull(HttpMethod.Get, subject, $"referrers/{subject.Digest}", $"list the referrers of {subject}");
        var found = new List<Descriptor>();
        var seen = new HashSet<Uri>();
        var isServed = true;
        for (Uri? page = first.Address; page is not null && seen.Add(page);)
        {
            var call = first with { Address = page, Accept = [MediaTypes.OciIndex] };
            page = await client.SendAsync(call, async (response, token) =>
            {
                // A page of a portal is no answer of the API either.
                if (IsMissing(response, subject) || response.StatusCode is HttpStatusCode.MethodNotAllowed or HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented
                    || (response.IsSuccessStatusCode && response.Content.Headers.ContentType?.MediaType is "text/html"))
                {
                    isServed = found.Count > 0;
                    return null;
                }

                await EnsureSuccessAsync(response, call, token, subject);
                var json = Json.TryParseObject(Encoding.UTF8.GetString(await client.ReadAsync(response, Manifest.MaxBytes, call.Action, token)));
                foreach (var entry in json?["manifests"] as JArray ?? [])
                {
                    if (entry is JObject descriptor && DescriptorJson.TryRead(descriptor, MediaTypes.OciManifest, out _) is { } referrer)
                        found.Add(referrer);
                }

                return NextPage(response, call);
            }, cancellation);
        }

        return isServed ? found : null;
    }
}
