using System.Text;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;

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

    RedirectionProof(ProofRequest request, Redirection redirection, MirrorStores stores, ClientHome home, IPullClient client)
    {
        this.request = request;
        this.redirection = redirection;
        this.stores = stores;
        this.home = home;
        this.client = client;
        causes = new PullCauses(Path.GetFileName(request.RegistriesConf), redirection, stores);
    }

    /// <exception cref="ModuleException">The registries.conf or an auth file cannot be read, or no client would start with them. What an image lacks is no exception, it is in the report.</exception>
    public static async Task<ProofReport> RunAsync(ProofRequest request, CancellationToken cancellation)
    {
        if (request.Images.IsEmpty)
            return ProofStatements.NothingDelivered();
        request = request with { Images = [.. request.Images.Select(image => image with { Image = image.Image.WithDefaultTag() }).OrderByDescending(image => image.Digest is not null).DistinctBy(image => image.Image)] };
        var rendered = AtomicFile.Read(request.RegistriesConf)
            ?? throw new ModuleException(ErrorCodes.File, $"{request.RegistriesConf} does not exist, so there is no redirection to prove", "render it first: setup-registry-passthrough.yml");
        var conf = RegistriesConf.Parse(Encoding.UTF8.GetString(rendered.Span), request.RegistriesConf);
        var parsed = new Redirection(conf);
        using var registries = new MirrorStores(request);
        using var world = new ClientHome();
        world.WriteRedirection(rendered.Span, BlockedRedirection.Of(conf, request.Images.Select(image => image.Image)));
        var places = request.Images.SelectMany(image => parsed.EntryFor(image.Image.Name) is { } entry ? entry.Mirrors.Select(mirror => Redirection.Place(entry, mirror, image.Image).Image) : []).OfType<Reference>().ToList();
        foreach (var authority in places.Select(place => place.Registry).Distinct())
            world.WriteTrust(authority, registries.OptionsFor(authority));
        // Found also where the client reads the user's own file: that it is missing or damaged is said before anything runs.
        var auths = registries.AuthFile(places);
        if (request.AuthFile is null)
            world.WriteAuthFile(auths);

        var searchPath = request.SearchPath ?? Environment.GetEnvironmentVariable("PATH") ?? "";
        IPullClient tool = await SkopeoClient.FindAsync(world, request, searchPath, cancellation) ?? (IPullClient)new SelfClient(parsed, registries);
        return await new RedirectionProof(request, parsed, registries, world, tool).ProveAsync(cancellation);
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

        request.Progress?.AddImage();
    }

    async Task<ProofRead> ReadAsync(ImageProof proof, Reference pull, Digest? expected, CancellationToken cancellation)
    {
        var read = new ProofRead(pull) { Expected = expected };
        if (causes.KnownDown(pull) is { } down)
            return read with { Error = down };
        var answer = await client.ReadManifestAsync(pull, cancellation);
        read = read with { Command = answer.Command, Mirror = answer.Places.Count > 0 ? answer.Places[^1] : null };
        if (answer.Output is not { } bytes)
            return read with { Mirror = null, Error = await causes.ExplainAsync(proof.Image, pull, expected, client.Title, answer.Words, cancellation) };
        var got = expected?.OfSameAlgorithm(bytes) ?? Digest.Sha256(bytes);
        read = read with { Got = got };
        if (redirection.Resolve(pull).Mirrors.FirstOrDefault(place => place.Text == read.Mirror)?.Image is not { } there)
            return read with { Error = $"{client.Title} read it from {read.Mirror ?? "somewhere"}, where the redirection does not lead pulls by {(pull.Digest is null ? "tag" : "digest")}: a skopeo before 1.8 does not know pull-from-mirror" };
        return got == expected ? read : read with { Error = expected is null ? $"{there} was not there a moment ago" : PullCauses.Moved(there, got, expected.Value) };
    }

    /// <summary>Looks at all that the image consists of where it came from, and reads its configurations through the client.</summary>
    async Task LookAsync(ImageProof proof, ProofRead read, CancellationToken cancellation)
    {
        var place = redirection.Resolve(read.Source).Mirrors.First(place => place.Text == read.Mirror);
        if (!proof.Looked.Add(place.Image!.Name))
            return;
        var mirror = await stores.OpenAsync(place, cancellation);
        var (tree, fault) = mirror.Fault is { } unreachable ? (null, unreachable.Message) : await content.LookAsync(mirror.Store, place.Image.WithDigest(read.Got!.Value), proof.Image.Platforms, cancellation);
        proof.Tree = tree;
        proof.Fault ??= fault;
        foreach (var image in fault is null && client.Proves ? tree!.Manifests.OfType<ImageManifest>() : [])
        {
            var pull = read.Source.WithDigest(image.Raw.Digest);
            var answer = await client.ReadConfigAsync(pull, cancellation);
            if (answer.Output is not { } bytes)
                proof.Fault ??= await causes.ExplainAsync(proof.Image with { Target = null }, pull, image.Raw.Digest, client.Title, answer.Words, cancellation);
            else if (image.Config.Digest.OfSameAlgorithm(bytes) != image.Config.Digest)
                proof.Fault ??= $"the configuration {image.Config.Digest} of {pull} comes with other bytes";
        }
    }

    async Task CopyAsync(WholeCopy copy, CancellationToken cancellation)
    {
        // A client writes manifest and configuration, too, and a file system wants some room.
        const long Reserve = 16 * 1024 * 1024;
        if (home.FreeBytes is var free && free < copy.Bytes + Reserve)
        {
            copy.Owner.Fault ??= $"{copy.Image} could not be copied whole: it has {copy.Bytes} bytes, and {free} are free in {Path.GetTempPath()}";
            return;
        }

        var answer = await client.CopyAsync(copy.Image, copy.Bytes, cancellation);
        if (answer.Output is not { } manifest)
            copy.Owner.Fault ??= $"{copy.Image} cannot be copied whole; {client.Title} says: {answer.Words}";
        else if (copy.Image.Digest!.Value.OfSameAlgorithm(manifest) != copy.Image.Digest)
            copy.Owner.Fault ??= $"{copy.Image} was copied as {Digest.Sha256(manifest)}";
        else
            copy.IsDone = true;
    }

    async Task<ProofControl> ControlAsync(string scope, Reference pull, CancellationToken cancellation)
    {
        var answer = await client.ReadWithoutMirrorsAsync(pull, cancellation);
        return answer.Output is null
            ? new ProofControl(scope, answer.Words.Contains(" is blocked in ", StringComparison.Ordinal), answer.Words) { Command = answer.Command }
            : new ProofControl(scope, false, $"{pull} was read without the mirrors: {Digest.Sha256(answer.Output)}") { Command = answer.Command };
    }

    /// <summary>What the mirror has under an image's name, where nobody recorded what it should have.</summary>
    async Task<Digest?> MirrorsDigestAsync(Reference image, CancellationToken cancellation)
    {
        foreach (var place in redirection.Resolve(image).Mirrors.Where(place => place.Image is not null))
        {
            try
            {
                var mirror = await stores.OpenAsync(place, cancellation);
                if (mirror.Fault is null && await mirror.Store.ResolveAsync(place.Image!, cancellation) is { } found)
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
