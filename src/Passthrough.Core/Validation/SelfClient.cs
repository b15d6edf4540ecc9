using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>
/// Ourselves in a client's place, where a host has none: the redirection as we read it, the mirrors it names asked in order. It finds what is wrong,
/// yet it proves nothing: whoever reads a file the way he wrote it agrees with himself.
/// </summary>
sealed class SelfClient(Redirection redirection, MirrorStores stores) : IPullClient
{
    public string Title => "our own reading of the redirection";

    public bool Proves => false;

    public async Task<ClientAnswer> ReadManifestAsync(Reference image, Digest? expected, CancellationToken cancellation)
    {
        var places = new List<string>();
        foreach (var place in redirection.Asked(image))
        {
            places.Add(place.Image.ToString());
            if (await ReadAsync(place, cancellation) is { } got)
                return new ClientAnswer(null, got, "", places);
        }

        return new ClientAnswer(null, null, "", places);
    }

    async Task<Digest?> ReadAsync(PullSource place, CancellationToken cancellation)
    {
        try
        {
            var mirror = await stores.OpenAsync(place, cancellation);
            return mirror.Fault is null && await mirror.Store.ReadManifestAsync(place.Image, cancellation) is { } manifest ? manifest.Digest : null;
        }
        catch (ModuleException)
        {
            // The next mirror is asked; where there is none, the cause is looked for.
            return null;
        }
    }

    // What is asked of a real client only.
    public Task<ClientAnswer> ReadConfigAsync(Reference image, Digest expected, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation) => throw new NotSupportedException();
}
