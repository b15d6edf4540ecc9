using System.Text;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Programs;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Validation;

/// <summary>
/// Proves a redirection (promise 7): every image is read by its upstream name through the rendered registries.conf, by a real client in a private world in which
/// every upstream is blocked; its bytes have the digest that was delivered, everything it consists of is in the mirror, one image of each source is copied whole,
/// and the same read without the mirrors is refused.
/// </summary>
public sealed class RedirectionProof
{
    readonly ProofRequest request;
    readonly Redirection redirection;
    readonly MirrorStores stores;
    readonly ClientHome home;
    readonly IPullClient client;
    readonly PullCauses causes;
    readonly MirrorContent content = new();

    /// <param name="rendered">As the file has it.</param>
    /// <param name="redirection">As the client has it: every source blocked.</param>
    RedirectionProof(ProofRequest request, Redirection rendered, Redirection redirection, MirrorStores stores, ClientHome home, IPullClient client)
    {
        this.request = request;
        this.redirection = redirection;
        this.stores = stores;
        this.home = home;
        this.client = client;
        causes = new PullCauses(Path.GetFileName(request.RegistriesConf), rendered, redirection, stores);
    }

    /// <exception cref="ModuleException">The registries.conf or an auth file cannot be read, or no client would start with them. What an image lacks is no exception, it is in the report.</exception>
    public static async Task<ProofReport> RunAsync(ProofRequest request, CancellationToken cancellation)
    {
        if (request.Images.IsEmpty)
            return ProofStatements.NothingDelivered();
        request = request with { Images = [.. request.Images.Select(image => image with { Image = image.Image.WithDefaultTag() }).OrderByDescending(image => image.Digest is not null).DistinctBy(image => image.Image)] };
        var file = AtomicFile.Read(request.RegistriesConf)
            ?? throw new ModuleException(ErrorCodes.File, $"{request.RegistriesConf} does not exist, so there is no redirection to prove", "render it first: setup-registry-passthrough.yml");
        var conf = RegistriesConf.Parse(Encoding.UTF8.GetString(file.Span), request.RegistriesConf);
        var rendered = new Redirection(BlockedRedirection.Spelled(conf, request.Endpoint.Authority));
        var blocked = BlockedRedirection.Of(rendered.Conf, request.Endpoint.Authority, request.Images.Select(image => image.Image));
        var world = new Redirection(blocked.WithMirrors);
        using var registries = new MirrorStores(request);
        using var rooms = new ClientHome();
        rooms.WriteRedirection(file.Span, blocked);
        var places = request.Images.SelectMany(image => world.AllAsked(image.Image)).Select(place => place.Image).ToList();
        foreach (var authority in places.Select(place => place.Registry).Distinct())
            rooms.WriteTrust(authority, registries.OptionsFor(authority));
        // Found also where the client reads the user's own file: that it is missing or damaged is said before anything runs.
        var auths = registries.AuthFile(places);
        if (request.AuthFile is null)
            rooms.WriteAuthFile(auths);

        var searchPath = request.SearchPath is { } given ? new SearchPath(given) : SearchPath.OfThisProcess();
        using var podman = searchPath.Find("skopeo") is null ? await PodmanClient.FindAsync(rooms, request, searchPath, cancellation)
            : null;
        var tool = await SkopeoClient.FindAsync(rooms, request, searchPath, cancellation) ?? podman ?? (IPullClient)new SelfClient(world, registries);
        return await new RedirectionProof(request, rendered, world, registries, rooms, tool).ProveAsync(cancellation);
    }

    async Task<ProofReport> ProveAsync(CancellationToken cancellation)
    {
        request.Progress?.SetTotals(request.Images.Length, 0);
        var proofs = request.Images.Select(image => new ImageProof(image, redirection.EntryFor(image.Image.Name)?.Scope ?? image.Image.Registry)).ToList();
        // One first: where nobody answers, the others need not wait for that again.
        await ProveAsync(proofs[0], cancellation);
        await Parallel.ForEachAsync(proofs.Skip(1), new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 2, 8), CancellationToken = cancellation }, async (proof, token) => await ProveAsync(proof, token));

        var copies = new List<WholeCopy>();
        var controls = new List<ProofControl>();
        foreach (var source in client.Proves ? proofs.GroupBy(proof => proof.Scope, StringComparer.Ordinal).ToList() : [])
        {
            foreach (var copy in WholeCopy.Choose([.. source], request.Deep))
            {
                await CopyAsync(copy, cancellation);
                copies.Add(copy);
            }

            controls.Add(await ControlAsync(source.Key, source.First().Pulls(source.First().Image.Digest)[0], cancellation));
        }

        return ProofStatements.Report(request, client, proofs, copies, controls, content.Blobs);
    }

    async Task ProveAsync(ImageProof proof, CancellationToken cancellation)
    {
        var expected = proof.Image.Digest ?? proof.Image.Image.Digest ?? await MirrorsDigestAsync(proof.Image.Image, cancellation);
        foreach (var pull in proof.Pulls(expected))
        {
            var read = await ReadAsync(proof, pull, expected, cancellation);
            proof.Reads.Add(read);
            if (read.Passed)
                await LookAsync(proof, read, cancellation);
        }

        request.Progress?.AddImage($"{proof.Image.Image} {(proof.Reads.All(read => read.Passed) ? "passed" : "failed")}");
    }

    async Task<ProofRead> ReadAsync(ImageProof proof, Reference pull, Digest? expected, CancellationToken cancellation)
    {
        var read = new ProofRead(pull) { Expected = expected };
        if (pull.Registry == request.Endpoint.Authority)
            return read with { Error = $"{pull.Name} is a name in the mirror itself, which nothing redirects: give the name that the image has upstream" };
        if (causes.KnownDown(pull) is { } down)
            return read with { Error = down.Text, Hint = down.Hint };
        var answer = await client.ReadManifestAsync(pull, expected, cancellation);
        read = read with { Command = answer.Command, Mirror = answer.Places.Count > 0 ? answer.Places[^1] : null };
        if (answer.Got is not { } got)
        {
            var cause = await causes.ExplainAsync(proof.Image, pull, expected, client.Title, answer.Words, cancellation);
            return read with { Mirror = null, Error = cause.Text, Hint = cause.Hint };
        }

        read = read with { Got = got };
        if (redirection.Asked(pull).FirstOrDefault(place => place.Image.ToString() == read.Mirror)?.Image is not { } there)
            return read with { Error = $"{client.Title} read it from {read.Mirror ?? "somewhere"}, where the redirection does not lead pulls by {(pull.Digest is null ? "tag" : "digest")}: a skopeo before 1.8 does not know pull-from-mirror" };
        if (got == expected)
            return read;
        return read with
        {
            Hint = there.Digest is null ? PullCauses.PushAgain : PullCauses.ReplaceDamage,
            Error = expected is null ? $"{there} was not there a moment ago" : PullCauses.Moved(there, got, expected),
        };
    }

    /// <summary>Looks at all that the image consists of where it came from, and reads its configurations through the client.</summary>
    async Task LookAsync(ImageProof proof, ProofRead read, CancellationToken cancellation)
    {
        var place = redirection.Asked(read.Source).First(place => place.Image.ToString() == read.Mirror);
        if (!proof.Looked.Add(place.Image.Name))
            return;
        var mirror = await stores.OpenAsync(place, cancellation);
        var (tree, fault) = mirror.Fault is { } unreachable ? (null, unreachable.Message) : await content.LookAsync(mirror.Store, place.Image.WithDigest(read.Got!), proof.Image.Platforms, cancellation);
        proof.Tree = tree;
        if (fault is not null)
            proof.Fault ??= new PullCause(fault, mirror.Fault is null ? PullCauses.PushAgain : mirror.Fault.Hint);
        foreach (var image in fault is null && client.Proves ? tree!.Manifests.OfType<ImageManifest>() : [])
        {
            var pull = read.Source.WithDigest(image.Raw.Digest);
            var answer = await client.ReadConfigAsync(pull, image.Config.Digest, cancellation);
            if (answer.Got is not { } got)
            {
                var named = proof.Image with { Target = null };
                proof.Fault ??= await DamageAsync(mirror.Store, place.Image, image, cancellation)
                    ?? await causes.ExplainAsync(named, pull, image.Raw.Digest, client.Title, answer.Words, cancellation);
            }
            else if (got != image.Config.Digest)
            {
                var text = $"the configuration {image.Config.Digest} of {pull} comes with other bytes";
                proof.Fault ??= new PullCause(text, PullCauses.ReplaceDamage);
            }
        }
    }

    async Task CopyAsync(WholeCopy copy, CancellationToken cancellation)
    {
        // A client writes manifest and configuration, too, and a file system wants some room.
        const long Reserve = 16 * 1024 * 1024;
        if (home.FreeBytes is var free && free < copy.Bytes + Reserve)
        {
            copy.Owner.Fault ??= new PullCause(
                $"{copy.Image} could not be copied whole: it has {copy.Bytes} bytes, and {free} are free in {Path.GetTempPath()}",
                "free some space, or set TMPDIR to a folder that has more");
            return;
        }

        var answer = await client.CopyAsync(copy.Image, copy.Bytes, cancellation);
        if (answer.Got is not { } got)
            copy.Owner.Fault ??= await ExplainCopyAsync(copy, answer.Words, cancellation);
        else if (got != copy.Image.Digest)
            copy.Owner.Fault ??= new PullCause($"{copy.Image} was copied as {got}", PullCauses.ReplaceDamage);
        else
            copy.IsDone = true;
    }

    /// <summary>What the client could not copy is read by us, too: that names the blob, and shows whether another push can help.</summary>
    async Task<PullCause> ExplainCopyAsync(WholeCopy copy, string words, CancellationToken cancellation)
    {
        var said = $"{copy.Image} cannot be copied whole; {client.Title} says: {words}";
        if (redirection.Asked(copy.Image).FirstOrDefault() is not { } place
            || await stores.OpenAsync(place, cancellation) is not { Fault: null } mirror)
        {
            return new PullCause(said, null);
        }

        return await DamageAsync(mirror.Store, place.Image, copy.Manifest, cancellation) is { } damage
            ? damage with { Text = $"{said}; {damage.Text}" }
            : new PullCause(said, null);
    }

    /// <summary>The first blob of an image that the registry has with other bytes; null where there is none.</summary>
    static async Task<PullCause?> DamageAsync(IImageStore store, Reference place, ImageManifest image, CancellationToken cancellation)
    {
        foreach (var blob in image.Blobs.Where(blob => !ManifestTree.IsForeign(blob)))
        {
            try
            {
                await using var stream = new DigestCheckedStream(await store.OpenBlobAsync(place, blob, 0, cancellation), blob, place.Name);
                await stream.CopyToAsync(Stream.Null, cancellation);
            }
            catch (ModuleException e) when (e.Code == ErrorCodes.DigestMismatch)
            {
                return new PullCause(e.Message, PullCauses.ReplaceDamage);
            }
            catch (ModuleException)
            {
                // A blob that cannot be read says nothing of its bytes; the client's own words name that.
            }
        }

        return null;
    }

    async Task<ProofControl> ControlAsync(string scope, Reference pull, CancellationToken cancellation)
    {
        var answer = await client.ReadWithoutMirrorsAsync(pull, cancellation);
        return answer.Got is null
            ? new ProofControl(scope, answer.Words.Contains(" is blocked in ", StringComparison.Ordinal), answer.Words) { Command = answer.Command }
            : new ProofControl(scope, false, $"{pull} was read without the mirrors: {answer.Got}") { Command = answer.Command };
    }

    /// <summary>What the mirror has under an image's name, where nobody recorded what it should have.</summary>
    async Task<Digest?> MirrorsDigestAsync(Reference image, CancellationToken cancellation)
    {
        foreach (var place in redirection.Asked(image))
        {
            try
            {
                var mirror = await stores.OpenAsync(place, cancellation);
                if (mirror.Fault is null && await mirror.Store.ResolveAsync(place.Image, cancellation) is { } found)
                    return found.Digest;
            }
            catch (ModuleException)
            {
                // The client's read, which comes next, fails of the same and is explained.
            }
        }

        return null;
    }
}
