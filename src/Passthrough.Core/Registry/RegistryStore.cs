using System.Net;
using System.Net.Http.Headers;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>
/// A registry that speaks the OCI distribution-spec over HTTP. The host of a reference is not asked for: whoever uses this store knows that the
/// reference is of this registry, or of one that it stands in for.
/// </summary>
public sealed partial class RegistryStore : IImageTarget, IDisposable
{
    readonly RegistryClient client;

    /// <param name="endpoint">Where it is.</param>
    /// <param name="options">Trust and patience.</param>
    /// <param name="credentials">Asked for each repository.</param>
    /// <param name="traits">What its product is like; by default as the specification says.</param>
    /// <param name="time">The clock, for tests.</param>
    /// <param name="random">Numbers from 0 to 1 for the pauses between attempts, for tests.</param>
    /// <exception cref="ModuleException">A certificate file cannot be used.</exception>
    public RegistryStore(RegistryEndpoint endpoint, ConnectionOptions options, ICredentialSource credentials, RegistryTraits? traits = null, TimeProvider? time = null, Func<double>? random = null)
    {
        Traits = traits ?? new RegistryTraits();
        client = new RegistryClient(endpoint, options, credentials, Traits, time ?? TimeProvider.System, random);
    }

    public RegistryTraits Traits { get; }

    public RegistryEndpoint Endpoint => client.Endpoint;

    public RequestCounts Requests => client.Options.Requests;

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation)
    {
        var call = Pull(HttpMethod.Head, image, $"manifests/{Wanted(image)}", $"look up {image}") with { Accept = MediaTypes.Manifests };
        return client.SendAsync(call, async (response, token) =>
        {
            if (IsMissing(response, image))
                return null;
            // Some registries and proxies know no HEAD; and a refusal of GET comes with the registry's words. A wrong password is not sent twice.
            if (response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Forbidden or HttpStatusCode.MethodNotAllowed
                or HttpStatusCode.NotAcceptable
                or HttpStatusCode.PreconditionFailed or HttpStatusCode.NotImplemented)
                return (await ReadManifestAsync(image, token))?.Descriptor;
            await EnsureSuccessAsync(response, call, token, image);
            var (type, length) = (response.Content.Headers.ContentType?.MediaType, response.Content.Headers.ContentLength);
            // The digest that was asked for needs nobody to tell it.
            if (type is not null && IsManifest(type) && length > 0 && (image.Digest ?? ServerDigest(response)) is { } digest)
                return new Descriptor(type, digest, length.Value);
            // Some registries answer HEAD without these (Artifactory behind some proxies): read it then.
            return (await ReadManifestAsync(image, token))?.Descriptor;
        }, cancellation);
    }

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        var call = Pull(HttpMethod.Get, image, $"manifests/{Wanted(image)}", $"read the manifest of {image}") with { Accept = MediaTypes.Manifests };
        return client.SendAsync(call, async (response, token) =>
        {
            if (IsMissing(response, image))
                return null;
            await EnsureSuccessAsync(response, call, token, image);
            var type = response.Content.Headers.ContentType?.MediaType ?? "";
            var bytes = await client.ReadAsync(response, Traits.MaxManifestBytes, call.Action, token);
            if (type is "text/html")
                throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {call.Action}: {Endpoint.Authority} answered a web page",
                    $"a portal or a proxy answers in the registry's place: {client.Remedies.Address}")
                {
                    HttpStatus = (
                        int)response.StatusCode,
                    Image = image.ToString()
                };
            var wanted = image.Digest ?? ServerDigest(response);
            var actual = wanted?.OfSameAlgorithm(bytes) ?? Digest.Sha256(bytes);
            if (wanted is not null && wanted != actual)
                throw new ModuleException(ErrorCodes.DigestMismatch, $"cannot {call.Action}: {Endpoint.Authority} sent other bytes, of digest {actual}, for {wanted}", "a proxy changes answers, or the registry's storage is damaged") { Image = image.ToString() };
            return new RawManifest(TypeOf(type, bytes), bytes, actual);
        }, cancellation);
    }

    bool IsMissing(HttpResponseMessage response, Reference repository) =>
        response.StatusCode == HttpStatusCode.NotFound || (response.StatusCode == HttpStatusCode.Unauthorized && Traits.RefusesWhatIsMissing && client.IsKnownFor(repository.Repository));

    static bool IsManifest(string type) => MediaTypes.IsManifest(type) || MediaTypes.IsSchema1(type);

    // Registries exist that serve manifests as plain JSON; the document says what it is.
    static string TypeOf(string served, byte[] bytes) =>
        IsManifest(served) ? served : Manifest.OwnTypeOf(bytes) ?? served;

    public Task<bool> HasBlobAsync(Reference repository, Descriptor blob, CancellationToken cancellation)
    {
        var call = Pull(HttpMethod.Head, repository, $"blobs/{blob.Digest}", $"look for blob {blob.Digest} in {repository.Name}");
        return client.SendAsync(call, async (response, token) =>
        {
            if (IsMissing(response, repository))
                return false;
            await EnsureSuccessAsync(response, call, token, blob: blob);
            // A manifest with a wrong size is one that nobody can pull. Some servers answer HEAD with a length of 0, which tells nothing.
            if (response.Content.Headers is { ContentLength: > 0 and var length, ContentEncoding.Count: 0 } && length != blob.Size)
            {
                throw new ModuleException(
                    ErrorCodes.DigestMismatch,
                    $"blob {blob.Digest} has {length} bytes in {repository.Name}, but the manifest says {blob.Size}",
                    "make the archive again; if it is right, the registry's storage is damaged")
                { Blob = blob.Digest.ToString() };
            }

            return true;
        }, cancellation);
    }

    public async Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        var call = Pull(HttpMethod.Get, repository, $"blobs/{blob.Digest}", $"read blob {blob.Digest} of {repository.Name}") with { Offset = offset, ReadsBlob = true };
        var (response, body) = await OpenBodyAsync(call, blob, cancellation);
        return response is null ? body : new BlobStream(response, body, offset, blob.Size, call, client)
        {
            Reopen = async (position, token) =>
            {
                var (again, rest) = await OpenBodyAsync(call with { Offset = position }, blob, token);
                return (again!, rest);
            },
        };
    }

    /// <returns>No response where the offset is the end.</returns>
    async Task<(HttpResponseMessage? Response, Stream Body)> OpenBodyAsync(RegistryCall call, Descriptor blob,
        CancellationToken cancellation)
    {
        var response = await client.SendAsync(call, cancellation);
        try
        {
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && call.Offset == blob.Size)
            {
                response.Dispose();
                return (null, Stream.Null);
            }

            await EnsureSuccessAsync(response, call, cancellation, blob: blob);
            var body = await response.Content.ReadAsStreamAsync(cancellation);
            // A server may ignore Range and send all of it, or answer with another part than was asked for.
            if (call.Offset > 0 && response.StatusCode != HttpStatusCode.PartialContent)
                await new BlobStream(response, body, 0, blob.Size, call, client).SkipAsync(call.Offset, cancellation);
            else if (call.Offset > 0 && ContentRange(response) is var range
                && !range.StartsWith($"bytes {call.Offset}-", StringComparison.Ordinal))
                throw new ModuleException(ErrorCodes.NotARegistry,
                    $"cannot {call.Action}: {Endpoint.Authority} answered with the range \"{range}\" instead of the bytes "
                        + $"from {call.Offset} on", "a proxy or the registry's storage damages ranges")
                { Blob = blob.Digest.ToString() };
            return (response, body);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    public async Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation)
    {
        if (manifest.Bytes.Length > Traits.MaxManifestBytes)
            throw new ModuleException("MANIFEST_INVALID", $"cannot push {image}: its manifest has {manifest.Bytes.Length} bytes, more than the {Traits.MaxManifestBytes} that the registry takes", null) { Image = image.ToString() };
        if (!MediaTypes.IsValid(manifest.MediaType))
        {
            throw new ModuleException(
                "MANIFEST_INVALID",
                $"cannot push {image}: its manifest has the media type \"{manifest.MediaType}\", which is not a valid one",
                "build or save the image again")
            { Image = image.ToString() };
        }

        var name = image.Tag ?? manifest.Digest.ToString();
        var call = Push(HttpMethod.Put, image, new Uri(Endpoint.BaseUri, $"v2/{image.Repository}/manifests/{name}"), $"push {image}") with
        {
            Body = () => new ReadOnlyMemoryContent(manifest.Bytes) { Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) } },
        };
        await client.SendAsync(call, async (response, token) =>
        {
            await EnsureSuccessAsync(response, call, token, image);
            if (ServerDigest(response) is { } stored && stored.Algorithm == manifest.Digest.Algorithm && stored != manifest.Digest)
                throw new ModuleException(ErrorCodes.DigestMismatch, $"cannot push {image}: {Endpoint.Authority} stored it as {stored} instead of {manifest.Digest}", "a proxy or the registry changes manifests on the way") { Image = image.ToString() };
            return true;
        }, cancellation);
    }

    /// <summary>Asks whether a registry answers there: <c>GET /v2/</c>.</summary>
    /// <returns>Whether it lets us in as whoever we are; false where it wants other credentials.</returns>
    /// <exception cref="ModuleException">Nobody answers, or no registry.</exception>
    public Task<bool> PingAsync(CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get, new Uri(Endpoint.BaseUri, "v2/")) { Action = $"reach the registry {Endpoint}" };
        return client.SendAsync(call, async (response, token) =>
        {
            if (response.StatusCode == HttpStatusCode.Unauthorized && response.Headers.WwwAuthenticate.Count > 0)
                return false;
            if (response.StatusCode == HttpStatusCode.NotFound)
                throw new ModuleException(ErrorCodes.NotARegistry,
                    (await client.FaultAsync(response, call, token)).Message + " to /v2/, so it is no registry",
                        client.Remedies.Address)
                { HttpStatus = 404 };
            await EnsureSuccessAsync(response, call, token);
            return true;
        }, cancellation);
    }

    /// <summary>Asks whether the registry takes the credential that is used for a repository. What it may do there is not asked: a pull proves nothing on a public one.</summary>
    /// <returns>False where the registry lets anybody in, so that nothing was proved.</returns>
    /// <exception cref="ModuleException">It refuses the credential, or wants one and there is none.</exception>
    public Task<bool> CheckCredentialsAsync(Reference repository, CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get, new Uri(Endpoint.BaseUri, "v2/")) { Action = $"log in to {Endpoint.Authority}", Repository = repository.Repository };
        return client.SendAsync(call, async (response, token) =>
        {
            await EnsureSuccessAsync(response, call, token);
            return client.AsksForCredentials;
        }, cancellation);
    }

    public Task RemoveTagAsync(Reference image, CancellationToken cancellation)
    {
        // The right to push is enough where tags can be removed at all; some token services refuse a scope that says "delete".
        var call = Push(HttpMethod.Delete, image, new Uri(Endpoint.BaseUri, $"v2/{image.Repository}/manifests/{image.Tag}"), $"remove the tag {image}");
        return client.SendAsync(call, async (response, token) =>
        {
            if (response.StatusCode != HttpStatusCode.NotFound)
                await EnsureSuccessAsync(response, call, token, image);
            return true;
        }, cancellation);
    }

    /// <summary>Takes a manifest away, with all its tags. That it is gone already is no error.</summary>
    public async Task RemoveManifestAsync(Reference image, CancellationToken cancellation)
    {
        var call = Push(HttpMethod.Delete, image, new Uri(Endpoint.BaseUri, $"v2/{image.Repository}/manifests/{image.Digest}"), $"remove {image}");
        try
        {
            await RemoveAsync(call);
        }
        // Some token services count this as a right of its own, and others refuse the word.
        catch (ModuleException e) when (e.HttpStatus is 401 or 403)
        {
            await RemoveAsync(call with { Scopes = [$"repository:{image.Repository}:pull,push,delete"] });
        }
        catch (ModuleException e) when (e.HttpStatus == 405)
        {
            throw new ModuleException(e.Code, e.Message, "the registry is set up not to remove anything (distribution: storage.delete.enabled)", e) { HttpStatus = e.HttpStatus, Image = e.Image };
        }

        Task<bool> RemoveAsync(RegistryCall one) => client.SendAsync(one, async (response, token) =>
        {
            if (response.StatusCode != HttpStatusCode.NotFound)
                await EnsureSuccessAsync(response, one, token, image);
            return true;
        }, cancellation);
    }

    /// <summary>
    /// Asks the registry's token service for a token, once for each store, and reads what it grants: products that answer 200 and give fewer rights than were
    /// asked for tell the truth here. Asking for <c>push</c> makes the repository on some.
    /// </summary>
    /// <param name="repository">The repository.</param>
    /// <param name="actions">For example <c>pull</c>; none asks only who we are.</param>
    /// <returns>Null where the registry wants no tokens, or its tokens tell nothing.</returns>
    /// <exception cref="ModuleException">The token service refuses the credential.</exception>
    public async Task<TokenClaims?> AskForClaimsAsync(Reference repository, IReadOnlyList<string> actions, CancellationToken cancellation)
    {
        var call = new RegistryCall(HttpMethod.Get, new Uri(Endpoint.BaseUri, "v2/"))
        {
            Action = $"get a token for {repository.Name}",
            Repository = repository.Repository,
            Scopes = actions.Count == 0 ? [] : [$"repository:{repository.Repository}:{string.Join(',', actions)}"],
        };
        return TokenClaims.TryParse(await client.TokenAsync(call, cancellation));
    }

    /// <summary>The tags of a repository, in the server's order; none where there is no such repository.</summary>
    public async Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation)
    {
        var tags = new List<string>();
        var call = Pull(HttpMethod.Get, repository, "tags/list?n=1000", $"list the tags of {repository.Name}");
        var pages = new ListPages(call.Action, Endpoint.Authority);
        for (Uri? page = call.Address; pages.IsNew(page?.AbsoluteUri);)
        {
            var (next, before) = (page!, tags.Count);
            page = await client.SendAsync(call with { Address = next }, async (response, token) => IsMissing(response, repository) ? null
                : await ReadPageAsync(response, call with { Address = next }, tags, token), cancellation);
            pages.Add(tags.Count - before);
        }

        return [.. tags.Distinct()];
    }

    async Task<Uri?> ReadPageAsync(HttpResponseMessage response, RegistryCall call, List<string> tags, CancellationToken cancellation)
    {
        await EnsureSuccessAsync(response, call, cancellation);
        await ReadPageAsync(response, call, "tags", tag =>
        {
            if (tag is JValue { Type: JTokenType.String })
                tags.Add((string)tag!);
        }, cancellation);
        return NextPage(response, call);
    }

    /// <summary>Reads one page of a list, entry by entry.</summary>
    /// <returns>Whether it has such a list.</returns>
    async Task<bool> ReadPageAsync(HttpResponseMessage response, RegistryCall call, string list, Action<JToken> read,
        CancellationToken cancellation)
    {
        var body = await client.ReadAsync(response, Limits.PageBytes, call.Action, cancellation);
        var count = 0;
        try
        {
            return Json.ReadList(body, list, entry =>
            {
                if (++count > Limits.ListEntries)
                    throw new ModuleException(ErrorCodes.NotARegistry,
                        $"cannot {call.Action}: {Endpoint.Authority} lists more than {Limits.ListEntries} entries",
                            "check that the address is a registry's");
                read(entry);
            });
        }
        catch (JsonException e)
        {
            throw new ModuleException(ErrorCodes.NotARegistry,
                $"cannot {call.Action}: the answer of {Endpoint.Authority} {Json.Complaint(e)}", "check that the address is a registry's",
                    e);
        }
    }

    // <path?last=…>; rel="next", relative or absolute; only this registry is asked on.
    Uri? NextPage(HttpResponseMessage response, RegistryCall call) =>
        ServerAddress.NextPage(response, call.Address) is { } next ? new Uri(Endpoint.BaseUri, next.PathAndQuery) : null;

    static string ContentRange(HttpResponseMessage response) =>
        response.Content.Headers.NonValidated.TryGetValues("Content-Range", out var values) ? values.ToString() : "";

    static Digest? ServerDigest(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest) ? digest : null;

    async Task EnsureSuccessAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation, Reference? image = null, Descriptor? blob = null)
    {
        if (response.IsSuccessStatusCode)
            return;
        var fault = await client.FaultAsync(response, call, cancellation);
        throw new ModuleException(fault.Code, fault.Message, fault.Hint) { HttpStatus = fault.HttpStatus, Image = image?.ToString(), Blob = blob?.Digest.ToString() };
    }

    static string Wanted(Reference image) => image.Digest?.ToString() ?? image.Tag ?? "latest";

    RegistryCall Pull(HttpMethod method, Reference repository, string path, string action) =>
        new(method, new Uri(Endpoint.BaseUri, $"v2/{repository.Repository}/{path}")) { Action = action, Repository = repository.Repository, Scopes = [$"repository:{repository.Repository}:pull"], MayBeRedirected = true };

    static RegistryCall Push(HttpMethod method, Reference repository, Uri address, string action) =>
        new(method, address) { Action = action, Repository = repository.Repository, Scopes = [$"repository:{repository.Repository}:pull,push"] };

    public void Dispose() => client.Dispose();
}
