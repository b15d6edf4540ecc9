using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary><c>state=verified</c>: the proof that an archive, or what was loaded from it, is whole. Writes nothing, fails where something is missing or differs.</summary>
static class VerifiedState
{
    const string OfArchive = "archive";
    const string OfRegistry = "registry";
    const string OfBoth = "both";
    public const string Redirection = "redirection";

    /// <summary>The values of <c>verify</c>, and what each does.</summary>
    public static readonly IReadOnlyDictionary<string, Func<ArchiveRun, CancellationToken, Task<ModuleResult>>> Ways = new OrderedDictionary<string, Func<ArchiveRun, CancellationToken, Task<ModuleResult>>>
    {
        [OfArchive] = (run, cancellation) => ProveAsync(run, archive: true, registry: false, cancellation),
        [OfRegistry] = (run, cancellation) => ProveAsync(run, archive: false, registry: true, cancellation),
        [OfBoth] = (run, cancellation) => ProveAsync(run, archive: true, registry: true, cancellation),
        [Redirection] = RedirectionState.RunAsync,
    };

    public static Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation) =>
        Ways[run.Context.Arguments.Text("verify") ?? (!run.HasRegistry ? OfArchive : run.HasArchive ? OfBoth : OfRegistry)](run, cancellation);

    static async Task<ModuleResult> ProveAsync(ArchiveRun run, bool archive, bool registry, CancellationToken cancellation)
    {
        using var opened = run.HasArchive ? run.OpenArchive(cancellation) : null;
        var chosen = opened is null ? [] : run.Choose(opened);
        // What should be where is known, and without contradiction, before hours are spent on reading.
        var connection = registry ? run.Connect() : null;
        var expected = connection is null ? [] : await ExpectedAsync(run, opened, chosen, connection, cancellation);
        var data = new JObject { ["verified"] = new JArray((archive ? [OfArchive] : Array.Empty<string>()).Concat(registry ? [OfRegistry] : [])) };
        if (opened is not null)
            data["archive"] = ResultParts.Archive(opened);
        var images = new OrderedDictionary<string, ProvedImage>(StringComparer.Ordinal);
        var said = new List<string>();
        ModuleException? fault = null;
        if (archive)
        {
            var proof = await new ArchiveVerifier(opened!, run.Concurrency, run.Context.Progress).VerifyAsync(chosen, cancellation);
            foreach (var image in proof.Images)
                Of(images, ProvedImage.NameOf(image)).Add(image);
            var incomplete = run.ChooseIncomplete(opened!);
            foreach (var image in incomplete)
                Of(images, image.Name).Add(image, opened!);
            fault = proof.Fault ?? IncompleteImages.FaultOf(incomplete, opened!);
            data["damaged_blobs"] = new JArray(proof.Damaged.Select(damage => damage.Blob));
            data["bytes"] = new JObject { ["hashed"] = proof.BytesHashed };
            said.Add($"{Wording.Images(proof.Images.Length)}, {Wording.Bytes(proof.BytesHashed)} hashed: {opened!.Path} "
                + $"{(fault is null ? "is whole" : "is not whole")}");
        }

        if (connection is not null)
        {
            using var store = await connection.OpenStoreAsync(cancellation);
            var verifier = new RegistryVerifier(store, run.Concurrency, run.IsDeep, run.Context.Progress)
            {
                ContinueOnError = run.ContinueOnError,
            };
            var found = await verifier.VerifyAsync(expected, cancellation);
            foreach (var image in found)
                Of(images, image.Image.Source.ToString()).Add(image);
            fault ??= found.Select(image => image.Fault).OfType<ModuleException>().FirstOrDefault();
            data["requests"] = ResultParts.Requests(store.Requests);
            var count = found.Count(image => image.Image.IsReferrer);
            var what = Wording.ImagesAndReferrers(found.Length - count, count);
            said.Add($"{connection.Endpoint.Authority} has {what} whole{(run.IsDeep ? ", every byte read" : "")}");
        }

        var referrers = images.Values.Where(image => image.IsReferrer).ToList();
        var counts = ResultParts.Counts(images.Values.Where(image => !image.IsReferrer).Select(image => image.Status), ProvedImage.Verified,
            ProvedImage.Failed, ProvedImage.Unknown);
        if (registry)
            counts["referrers"] = referrers.Count;
        data["counts"] = counts;
        data["duration_s"] = ResultParts.Seconds(run.Elapsed);
        return new ModuleResult
        {
            Changed = false,
            Message = $"{string.Join("; ", said)}, {Wording.Duration(run.Elapsed)}",
            Data = data,
            Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal)
            {
                ["images"] = images.Values.Where(image => !image.IsReferrer).Select(image => image.Describe()),
                ["referrers"] = referrers.Select(image => image.Describe()),
            },
            Failure = fault is null ? null : new ModuleException(ErrorCodes.NotProved, fault.Message, fault.Hint, fault) { HttpStatus = fault.HttpStatus, Image = fault.Image, Blob = fault.Blob },
        };
    }

    /// <summary>Everything that the parameters say should be there: the archive's images with what belongs to them, the record's, and those of images and images_file.</summary>
    static async Task<List<ExpectedImage>> ExpectedAsync(ArchiveRun run, IArchive? archive, IEnumerable<ArchivedImage> chosen, RegistryConnection connection, CancellationToken cancellation)
    {
        var naming = run.Naming(connection);
        var expected = new List<ExpectedImage>();
        if (archive is not null)
        {
            List<CopyItem> items = [.. LoadPlan.Place(archive, chosen, naming)];
            expected.AddRange(items.Select(item => new ExpectedImage(item.Source, item.Target, item.Root.Digest)));
            if (!run.LeavesReferrersOut)
                expected.AddRange((await AttachmentPlan.ItemsAsync(archive, items, naming, cancellation))
                    .Select(item => new ExpectedImage(item.Source, item.Target, item.Root.Digest) { IsReferrer = true }));
        }

        if (run.RecordPath is { } path)
            expected.AddRange(run.Choose(DeliveredImages.Of(connection.Endpoint.Authority, path)).Select(image => new ExpectedImage(image.Source, image.Target, image.Digest)));
        if (run.HasRequests)
            expected.AddRange(run.Requests().Select(request => new ExpectedImage(request.Image, naming.Target(request.Image), request.Image.Digest)));
        return expected.Count > 0
            ? [.. expected.DistinctBy(image => (image.Target, image.Digest))]
            : throw new ModuleException(ErrorCodes.NotProved, $"nothing says what {connection.Endpoint.Authority} should have, so nothing was proved", "give path (an archive), record_path (what was delivered), images or images_file");
    }

    static ProvedImage Of(OrderedDictionary<string, ProvedImage> images, string name)
    {
        if (!images.TryGetValue(name, out var image))
            images[name] = image = new ProvedImage(name);
        return image;
    }
}
