using System.Globalization;

namespace Passthrough.Core.Validation;

/// <summary>Says in sentences what was proved and what was not.</summary>
static class ProofStatements
{
    const string NoClient = "not proved: neither skopeo nor podman is on this host";

    public static ProofReport NothingDelivered() => new()
    {
        Passed = false,
        Message = "nothing delivered, not proved",
        Hint = "push images first (push-tar-to-registry.yml), or name some in validation_images",
        NotProved = ["anything: no image was delivered and none was named, so nothing was tried"],
    };

    public static ProofReport Report(ProofRequest request, IPullClient client, IReadOnlyList<ImageProof> proofs, IReadOnlyList<WholeCopy> copies, IReadOnlyList<ProofControl> controls, int blobs)
    {
        var reads = proofs.SelectMany(proof => proof.Results).ToList();
        var failed = reads.Where(read => !read.Passed).ToList();
        var badControl = controls.FirstOrDefault(control => !control.Passed);
        var uncopied = proofs.Select(proof => proof.Scope).Distinct().FirstOrDefault(scope => !copies.Any(copy => copy.IsDone && copy.Owner.Scope == scope));
        var passed = client.Proves && failed.Count == 0 && badControl is null && uncopied is null;
        var conf = Path.GetFileName(request.RegistriesConf);
        return new ProofReport
        {
            Passed = passed,
            Message = passed ? $"{Count(proofs.Count, "image")} read by upstream name through {conf} with every upstream blocked: {Count(reads.Count, "read")} gave the digest that was delivered"
                : failed.Count > 0 ? $"{failed[0].Source} by {(failed[0].ByTag ? "tag" : "digest")}: {failed[0].Error}{(failed.Count > 1 ? $" (and {failed.Count - 1} more of {reads.Count} reads failed)" : "")}"
                : badControl is not null ? $"the negative control for {badControl.Source} did not fail as it must: {badControl.Got}"
                : client.Proves ? $"no image of {uncopied} was copied whole" : NoClient,
            Hint = passed ? null
                : failed.Count > 0 ? failed[0].Hint ?? "look at the images that failed; push them again, or render again with setup-registry-passthrough.yml"
                : client.Proves ? null : "install skopeo (dnf install skopeo, apt-get install skopeo) and run the validation again",
            Level = client.Proves ? "L2" : "L1-self",
            Tool = client.Title,
            Account = AccountOf(request),
            Mirrored = Mirrored(passed, proofs),
            Images = [.. reads],
            Controls = [.. controls],
            Proved = [.. client.Proves ? Proved(request, client, conf, reads, copies, controls, blobs, proofs) : []],
            NotProved = [.. NotProved(request, client, proofs, copies)],
        };
    }

    static MirroredImages Mirrored(bool passed, IReadOnlyList<ImageProof> proofs)
    {
        var whole = proofs.Count(proof => proof.Passed);
        var names = proofs.SelectMany(proof => proof.Reads).Where(read => read.Got is not null).Select(read => read.Source.Name);
        var verdict = whole < proofs.Count ? "FAIL" : passed ? "PASS" : "NOT PROVED";
        var counted = $"{whole.ToString(CultureInfo.InvariantCulture)} of {Count(proofs.Count, "image")}";
        return new MirroredImages(
            names.Distinct(StringComparer.Ordinal).Count(),
            $"{verdict} - {counted} complete in the mirror with the digest of the upstream");
    }

    static string AccountOf(ProofRequest request) => request.Credentials.Find(request.Endpoint.Authority, PlaceOf(request)) switch
    {
        { Username: { Length: > 0 } user } => $"user \"{user}\"",
        { Token: not null } => "the given token",
        _ => "no account",
    };

    // An auth file may have another entry for each namespace.
    static string PlaceOf(ProofRequest request) =>
        request.Images.Select(image => image.Target?.Repository).FirstOrDefault(path => path is not null) ?? "";

    static IEnumerable<string> Proved(
        ProofRequest request,
        IPullClient client,
        string conf,
        List<ProofRead> reads,
        IReadOnlyList<WholeCopy> copies,
        IReadOnlyList<ProofControl> controls,
        int blobs,
        IReadOnlyList<ImageProof> proofs)
    {
        var good = reads.Where(read => read.Passed).ToList();
        if (good.Count > 0)
        {
            yield return $"{client.Title} reads {Count(good.Select(read => read.Source.Name).Distinct().Count(), "upstream name")} through {conf} while every upstream is blocked: {Count(good.Count(read => read.ByTag), "read")} by tag, {Count(good.Count(read => !read.ByTag), "read")} by digest";
            yield return "the bytes of these manifests have the digests that were delivered";
        }

        if (request.IsClusterAccount && good.Count == reads.Count)
            yield return $"the cluster's account ({AccountOf(request)}) may pull these images";
        if (proofs.Count(proof => proof.Passed) is var complete && complete > 0)
            yield return $"everything that {Count(complete, "image")} {(complete == 1 ? "consists" : "consist")} of is in the mirror: {Count(blobs, "configuration and layer", "configurations and layers")} asked for one by one, every configuration read through the redirection";
        foreach (var copy in copies.Where(copy => copy.IsDone))
            yield return $"{copy.Image}{(copy.Platform is null ? "" : $" ({copy.Platform})")} was copied whole, {copy.Bytes.ToString("N0", CultureInfo.InvariantCulture)} bytes, every digest checked";
        foreach (var control in controls.Where(control => control.Passed))
            yield return $"without its mirrors, {control.Source} is refused as blocked";
    }

    static IEnumerable<string> NotProved(ProofRequest request, IPullClient client, IReadOnlyList<ImageProof> proofs, IReadOnlyList<WholeCopy> copies)
    {
        if (!client.Proves)
            yield return "the redirection: it was read by the program that wrote it, and no client was asked; install skopeo";
        if (!request.IsClusterAccount)
        {
            yield return $"that the cluster's account may pull: the images were read with {AccountOf(request)}, "
                + "which is not known to be it";
        }

        foreach (var proof in proofs.Where(proof => proof.Image.Digest is null && proof.Image.Image.Digest is null))
            yield return $"that {proof.Image.Image} is what it is upstream: no delivery recorded its digest, so what the mirror has under the tag was expected";
        foreach (var read in proofs.SelectMany(proof => proof.Reads).Where(read => read is { Passed: true, Mirror: { } mirror } && !mirror.StartsWith(request.Endpoint.Authority + "/", StringComparison.Ordinal)))
            yield return $"that {request.Endpoint.Authority} serves {read.Source}: it came from {read.Mirror}";
        if (copies.Count > 0 && !request.Deep && !client.CopiesAll)
            yield return "the bytes of the layers that were not copied whole: only that the registry says it has them (deep: true copies every image)";
        if (!request.Options.ValidateCertificates)
            yield return "that the registry's certificate is trusted: validate_certs is false";
        yield return "that the cluster has the mirror sets: apply them, then compare the rendered MachineConfig of each pool";
        yield return "that nodes trust the registry's CA and that the cluster's global pull secret lets them in";
        yield return "CRI-O on a node, its signature policy, and that the images run";
    }

    static string Count(int count, string one, string? many = null) => $"{count.ToString(CultureInfo.InvariantCulture)} {(count == 1 ? one : many ?? one + "s")}";
}
