using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Registry;

/// <summary>The referrers API (distribution-spec, "Listing referrers").</summary>
public sealed partial class RegistryStore
{
    public async Task<IReadOnlyList<Descriptor>?> ListReferrersAsync(Reference subject, CancellationToken cancellation)
    {
        var first = Pull(HttpMethod.Get, subject, $"referrers/{subject.Digest}", $"list the referrers of {subject}");
        var found = new List<Descriptor>();
        var pages = new ListPages(first.Action, Endpoint.Authority);
        var isServed = true;
        for (Uri? page = first.Address; pages.IsNew(page?.AbsoluteUri);)
        {
            var call = first with { Address = page!, Accept = [MediaTypes.OciIndex] };
            var before = found.Count;
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
                await ReadPageAsync(response, call, "manifests", entry =>
                {
                    if (found.Count > Limits.ImageReferrers)
                        throw new ModuleException(ErrorCodes.NotARegistry,
                            $"cannot {call.Action}: {Endpoint.Authority} lists more than {Limits.ImageReferrers} of them",
                                "leave them out: include_referrers=false")
                        { Image = subject.ToString() };
                    if (entry is JObject descriptor && DescriptorJson.TryRead(descriptor, MediaTypes.OciManifest, out _) is { } referrer)
                        found.Add(referrer);
                }, token);
                return NextPage(response, call);
            }, cancellation);
            pages.Add(found.Count - before);
        }

        return isServed ? found : null;
    }
}
