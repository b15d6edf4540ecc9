using System.Net;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Registry;

/// <summary>Uploads of blobs (distribution-spec, "Pushing blobs").</summary>
public sealed partial class RegistryStore
{
    /// <summary>How often a 413 is not believed where nothing of that size has passed yet.</summary>
    const int MostTooLarge = 2;

    const int MostRedirects = 5;

    /// <summary>Giving up an upload is a courtesy, which nobody waits long for.</summary>
    static readonly TimeSpan CancelTimeout = TimeSpan.FromSeconds(5);

    long largestTaken;

    public async Task<BlobOutcome> PutBlobAsync(Reference repository, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        var action = $"upload blob {blob.Digest} to {repository.Name}";
        if (mountFrom is not null && mountFrom != repository.Repository)
        {
            var (mounted, session) = await MountAsync(repository, blob, mountFrom, $"mount blob {blob.Digest} from {mountFrom} into {repository.Name}", cancellation);
            if (mounted)
                return BlobOutcome.Mounted;
            await UploadAsync(session, repository, blob, open, action, cancellation);
        }
        else
        {
            await UploadAsync(firstSession: null, repository, blob, open, action, cancellation);
        }

        return BlobOutcome.Uploaded;
    }

    /// <summary>Asks whether we may write into a repository: starts an upload and cancels it. On some products this alone makes the repository.</summary>
    /// <exception cref="ModuleException">We may not, and why.</exception>
    public async Task CheckWritableAsync(Reference repository, CancellationToken cancellation)
    {
        var session = await StartAsync(repository, blob: null, $"write to {repository.Name}", cancellation);
        // Whether it lets us cancel is its own affair; it forgets uploads after a while.
        using var response = await client.SendAsync(Push(HttpMethod.Delete, repository, session, $"cancel the upload to {repository.Name}"), cancellation);
    }

    async Task<(bool Mounted, Uri? Session)> MountAsync(Reference repository, Descriptor blob, string from, string action, CancellationToken cancellation)
    {
        var call = Push(HttpMethod.Post, repository, new Uri(Endpoint.BaseUri, $"v2/{repository.Repository}/blobs/uploads/?mount={Uri.EscapeDataString(blob.Digest.ToString())}&from={Uri.EscapeDataString(from)}"), action);
        call = call with { Scopes = [.. call.Scopes, $"repository:{from}:pull"] };
        var isRepeated = false;
        try
        {
            return await client.Retry.RunAsync<(bool, Uri?)>(async token =>
            {
                try
                {
                    using var response = await client.AttemptAsync(call, token);
                    return response.StatusCode switch
                    {
                        HttpStatusCode.Created => (true, null),
                        // Not mounted, but an upload was begun: use it.
                        HttpStatusCode.Accepted => (false, Location(response, call.Address, action)),
                        // No right to read the other repository, or no mounts at all: the upload itself will tell what is wrong, if
                        // anything is.
                        _ => (false, null),
                    };
                }
                catch (PassingFault e) when (e.Fault.HttpStatus is >= 500 && (isRepeated || e.Fault.HttpStatus == 500))
                {
                    // A registry that trips over mounts takes the bytes; one that is restarted (502, 503) is asked again first.
                    return (false, null);
                }
                catch (PassingFault e) when (e.Fault.HttpStatus is >= 500)
                {
                    isRepeated = true;
                    throw;
                }
            }, cancellation);
        }
        catch (ModuleException e) when (e.Code == ErrorCodes.Unauthorized || e.HttpStatus is 400 or 401 or 403 or 404 or 405 or 501 or 505)
        {
            // The token service gives no token for two repositories.
            return (false, null);
        }
    }

    async Task UploadAsync(Uri? firstSession, Reference repository, Descriptor blob, Func<CancellationToken, Task<Stream>> open, string action, CancellationToken cancellation)
    {
        var session = firstSession;
        var tooLarge = 0;
        await client.Retry.RunAsync(async token =>
        {
            // A session that saw a fault is never used again: parts that were sent twice damage blobs on some registries (registries.md 0.8).
            var location = Interlocked.Exchange(ref session, null) ?? await StartAsync(repository, blob, action, token, isOneAttempt: true);
            try
            {
                await SendBodyAsync(location, repository, blob, open, action, token);
            }
            catch (ModuleException e) when (e.HttpStatus == (int)HttpStatusCode.RequestEntityTooLarge && IsNoLimit(blob, ++tooLarge))
            {
                throw new PassingFault(e);
            }

            return true;
        }, cancellation);
        InterlockedMax(ref largestTaken, blob.Size);
    }

    // A limit that let as much pass before is none; and see RegistryTraits.MisusesTooLarge.
    bool IsNoLimit(Descriptor blob, int times) =>
        blob.Size <= Interlocked.Read(ref largestTaken)
            || (Traits.MisusesTooLarge && times <= MostTooLarge && !(blob.Size > Traits.UsualMaxBlobBytes));

    static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Interlocked.Read(ref most); seen < value && Interlocked.CompareExchange(ref most, value, seen) is var other
            && other != seen; seen = other)
        {
        }
    }

    async Task<Uri> StartAsync(Reference repository, Descriptor? blob, string action, CancellationToken cancellation, bool isOneAttempt = false)
    {
        var call = Push(HttpMethod.Post, repository, new Uri(Endpoint.BaseUri, $"v2/{repository.Repository}/blobs/uploads/"), action);
        using var response = isOneAttempt ? await client.AttemptAsync(call, cancellation) : await client.SendAsync(call, cancellation);
        await EnsureSuccessAsync(response, call, cancellation, blob: blob);
        return Location(response, call.Address, action)
            ?? throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {action}: {Endpoint.Authority} began an upload without saying where (no Location)", "a proxy before the registry removes headers") { HttpStatus = (int)response.StatusCode };
    }

    async Task SendBodyAsync(Uri location, Reference repository, Descriptor blob, Func<CancellationToken, Task<Stream>> open, string action, CancellationToken cancellation)
    {
        var patches = Traits.Upload == UploadForm.PostPatchPut;
        var (address, session) = (patches ? location : WithDigest(location, blob), location);
        var isDone = false;
        try
        {
            using var watchdog = new Watchdog(client.Options.Timeout + client.Options.StallTimeout, client.Time, cancellation);
            for (var hops = 0; ; hops++)
            {
                var call = Push(patches ? HttpMethod.Patch : HttpMethod.Put, repository, address, action);
                using var response = await SendStreamAsync(call, blob, open, watchdog, cancellation);
                session = Location(response, location, action) ?? location;
                if (hops < MostRedirects && (int)response.StatusCode is 307 or 308 && client.IsOwn(session))
                {
                    // The body is to be sent once more, to another address of the same registry.
                    address = session;
                    continue;
                }

                await EnsureUploadedAsync(response, call, blob, cancellation);
                if (patches)
                    await FinishAsync(session, repository, blob, action, watchdog, cancellation);
                isDone = true;
                return;
            }
        }
        finally
        {
            if (!isDone)
                await CancelAsync(session, repository, action);
        }
    }

    /// <summary>Sends the whole blob in one request.</summary>
    async Task<HttpResponseMessage> SendStreamAsync(RegistryCall call, Descriptor blob, Func<CancellationToken, Task<Stream>> open,
        Watchdog watchdog, CancellationToken cancellation)
    {
        await using var source = await open(cancellation);
        BlobContent? body = null;
        try
        {
            var response = await SendAsync(call with { Body = () => body = new BlobContent(source, blob, watchdog, client.Options) },
                watchdog, cancellation);
            if (body!.Sent == blob.Digest || (body.Sent is null && !response.IsSuccessStatusCode))
                return response;
            response.Dispose();
            throw body.Sent is { } sent
                ? Damaged(blob, sent, call.Action)
                : new PassingFault(new ModuleException(ErrorCodes.Connection,
                    $"cannot {call.Action}: the connection broke off before the whole blob was sent",
                        "check the network and proxies between"));
        }
        catch (Exception) when (body?.SourceFault is { } fault)
        {
            // The bytes' own side failed; what HttpClient says about it is no help.
            throw fault switch
            {
                ModuleException known when TransportError.MayPass(known) => new PassingFault(known),
                IOException => new PassingFault(
                    new ModuleException(ErrorCodes.Connection, $"cannot {call.Action}: {fault.Message}",
                        "the place that the blob is read from broke off", fault)),
                _ => fault,
            };
        }
        finally
        {
            body?.Dispose();
        }
    }

    async Task FinishAsync(Uri location, Reference repository, Descriptor blob, string action, Watchdog watchdog, CancellationToken cancellation)
    {
        var call = Push(HttpMethod.Put, repository, WithDigest(location, blob), action) with { Body = () => new ByteArrayContent([]) };
        watchdog.Allow(client.Options.AnswerTimeout);
        using var response = await SendAsync(call, watchdog, cancellation);
        await EnsureUploadedAsync(response, call, blob, cancellation);
    }

    // One attempt and no complaint, also when the run is being stopped: a registry that does not let us cancel forgets uploads after a
    // while.
    async Task CancelAsync(Uri session, Reference repository, string action)
    {
        if (!client.IsOwn(session))
            return;
        using var limit = new CancellationTokenSource(CancelTimeout, client.Time);
        try
        {
            using var response = await client.AttemptAsync(Push(HttpMethod.Delete, repository, session, action), limit.Token);
        }
        catch (Exception e) when (e is ModuleException or PassingFault or OperationCanceledException)
        {
        }
    }

    // What fails at an address that the registry itself gave is not mended by the user's registry_host being reachable.
    async Task<HttpResponseMessage> SendAsync(RegistryCall call, Watchdog watchdog, CancellationToken cancellation)
    {
        try
        {
            return await client.AttemptAsync(call, cancellation, watchdog);
        }
        catch (ModuleException e) when (!client.IsOwn(call.Address))
        {
            throw Elsewhere(e, call.Address);
        }
        catch (PassingFault e) when (!client.IsOwn(call.Address))
        {
            throw new PassingFault(Elsewhere(e.Fault, call.Address), e.RetryAfter);
        }
    }

    ModuleException Elsewhere(ModuleException fault, Uri address) =>
        new(fault.Code, fault.Message, $"{Endpoint.Authority} sends uploads to {address.Authority}, which gets no credentials: use that name for the registry, or correct it in the registry's configuration (Quay: SERVER_HOSTNAME, Harbor: external_url, distribution: http.host)", fault) { HttpStatus = fault.HttpStatus, Blob = fault.Blob };

    // A token may have run out while a long body was sent, and a session may be lost with the server's node: both are begun again.
    async Task EnsureUploadedAsync(HttpResponseMessage response, RegistryCall call, Descriptor blob, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode)
            return;
        var fault = await client.FaultAsync(response, call, cancellation);
        var described = new ModuleException(fault.Code, fault.Message, fault.Hint) { HttpStatus = fault.HttpStatus, Blob = blob.Digest.ToString() };
        // It goes without credentials, so that no repetition of a long body helps.
        if (!client.IsOwn(call.Address) && response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            throw Elsewhere(described, call.Address);
        throw response.StatusCode == HttpStatusCode.Unauthorized || fault.Code is "BLOB_UPLOAD_UNKNOWN" or "BLOB_UPLOAD_INVALID" ? new PassingFault(described) : described;
    }

    static ModuleException Damaged(Descriptor blob, Digest sent, string action) =>
        new(ErrorCodes.DigestMismatch, $"cannot {action}: the bytes that were read have the digest {sent}", "the source is damaged; nothing was stored under the wrong name") { Blob = blob.Digest.ToString() };

    /// <summary>
    /// Where the upload goes on; null where the answer does not say. A registry behind a proxy that ends TLS often says http for its own https address.
    /// </summary>
    /// <exception cref="ModuleException">It goes on at another host, unencrypted.</exception>
    Uri? Location(HttpResponseMessage response, Uri asked, string action)
    {
        if (response.Headers.Location is not { } location)
            return null;
        var address = ServerAddress.TryResolve(asked, location.OriginalString)
            ?? throw new ModuleException(
                ErrorCodes.NotARegistry,
                $"cannot {action}: {Endpoint.Authority} sends uploads to \"{location.OriginalString}\", which is not an address",
                "check the registry and any proxy in front of it");
        if (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Endpoint.Scheme)
            return address;
        return address.Scheme == Uri.UriSchemeHttp && address.Host.Equals(Endpoint.BaseUri.Host, StringComparison.OrdinalIgnoreCase)
            ? new Uri(Endpoint.BaseUri, address.PathAndQuery)
            : throw new ModuleException(
                ErrorCodes.Tls,
                $"cannot {action}: {Endpoint.Authority} sends uploads to {ServerAddress.WithoutPath(address)}, which is not encrypted",
                "correct the name that the registry gives itself (Quay: SERVER_HOSTNAME, Harbor: external_url, distribution: http.host)");
    }

    // The query is the server's state and stays as it is, byte for byte.
    static Uri WithDigest(Uri location, Descriptor blob) =>
        new($"{location.AbsoluteUri}{(location.Query.Length > 0 ? "&" : "?")}digest={Uri.EscapeDataString(blob.Digest.ToString())}");
}
