using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Registry;

/// <summary>
/// Where signatures of images are kept apart from registries: <c>&lt;store&gt;/sha256=&lt;hex&gt;/signature-1</c>, <c>-2</c> and so on (containers/image,
/// signature-protocols), over HTTPS or in a folder. The cluster version operator looks for those of OpenShift releases there.
/// </summary>
public sealed class SignatureStore : IDisposable
{
    /// <summary>Red Hat's.</summary>
    public const string Default = "https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release";

    /// <summary>The cluster version operator tries as many.</summary>
    const int MostOfOneImage = 10;
    const int MostRedirects = 3;

    /// <summary>Real ones have about 1 KiB.</summary>
    const int MaxBytes = 64 * 1024;

    readonly string place;
    readonly ConnectionOptions options;
    readonly TimeProvider time;
    readonly HttpMessageInvoker? http;
    readonly Retry retry;

    /// <param name="place">A URL, or the path of a folder.</param>
    /// <param name="options">Patience and proxy. Trust is the system's.</param>
    /// <exception cref="ModuleException">It is neither.</exception>
    public SignatureStore(string place, ConnectionOptions options, TimeProvider time)
    {
        this.place = place.TrimEnd('/');
        this.options = options with { CaPath = null, TrustedCertificates = [], ClientCertificate = null, ClientKey = null, ValidateCertificates = true };
        this.time = time;
        retry = new Retry(options.Retries, time);
        if (place.StartsWith('/'))
            return;
        if (!Uri.TryCreate(place, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http")
            || address.UserInfo.Length > 0)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"signature_store \"{place}\" is neither a URL nor the path of a folder", "write it like https://mirror.example.com/signatures/openshift/release");
        http = new HttpMessageInvoker(RegistryHttp.Connect(this.options), disposeHandler: true);
    }

    /// <summary>Whether nobody named it, so that nobody need be told of it as of a mistake when it cannot be asked.</summary>
    public bool MayBeOutOfReach { get; init; }

    /// <summary>The signatures of an image, by the digest of its manifest; none where there are none.</summary>
    /// <exception cref="ModuleException">The store cannot be asked.</exception>
    public async Task<ImmutableArray<byte[]>> ReadAsync(Digest image, CancellationToken cancellation)
    {
        var found = ImmutableArray.CreateBuilder<byte[]>();
        while (found.Count < MostOfOneImage)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{place}/{image.Algorithm}={image.Hex}/signature-{found.Count + 1}");
            if ((http is null ? ReadFile(name) : await retry.RunAsync(token => ReadAsync(new Uri(name), token), cancellation)) is not { } signature)
                break;
            found.Add(signature);
        }

        return found.ToImmutable();
    }

    byte[]? ReadFile(string name)
    {
        try
        {
            return File.Exists(name) ? InputFile.ReadAllBytes(name)
                : Directory.Exists(place) ? null : throw new ModuleException(ErrorCodes.File, $"signature_store {place} is no folder", "correct the path, or leave signature_store out to ask where Red Hat keeps them");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"signature {name} cannot be read: {e.Message}", "make it readable for the user that runs the task", e);
        }
    }

    async Task<byte[]?> ReadAsync(Uri address, CancellationToken cancellation)
    {
        const string Action = "read the signatures of a release";
        using var watchdog = new Watchdog(options.Timeout, time, cancellation);
        try
        {
            for (var redirects = 0; ; redirects++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, address);
                request.Headers.TryAddWithoutValidation("User-Agent", RegistryHttp.UserAgent);
                using var response = await http!.SendAsync(request, watchdog.Token);
                if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.Gone)
                    return null;
                if (redirects < MostRedirects && response.Headers.Location is { } next && (int)response.StatusCode is 301 or 302 or 303 or 307 or 308)
                {
                    address = ServerAddress.Redirect(address, next, Action);
                    continue;
                }

                if (response.IsSuccessStatusCode && response.Content.Headers.ContentType?.MediaType is not "text/html")
                    return await BoundedBody.ReadAsync(response, MaxBytes, watchdog.Token);
                var fault = new ModuleException(ErrorCodes.Unsupported,
                    $"cannot {Action}: {ServerAddress.WithoutQuery(address)} answers {(int)response.StatusCode}"
                    + (response.IsSuccessStatusCode ? " with a page, which is no signature" : ""),
                    "correct signature_store; perhaps a portal or a proxy answers in its place")
                { HttpStatus = (int)response.StatusCode };
                throw Retry.MayPass(response.StatusCode) ? new PassingFault(fault, Retry.AskedPause(response, fault, time)) : fault;
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var fault = TransportError.From(e, Action, new Peer(address, options, address.Authority)
            {
                Hint = "correct signature_store, check the network and HTTPS_PROXY, or name a folder with the signatures in "
                    + "signature_store",
            });
            throw TransportError.MayPass(fault) ? new PassingFault(fault) : fault;
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new PassingFault(new ModuleException(ErrorCodes.Timeout, $"cannot {Action}: {address.Host}:{address.Port} gave no answer in {watchdog.Allowed.TotalSeconds} s", "raise timeout, or look at the network", e));
        }
    }

    public void Dispose() => http?.Dispose();
}
