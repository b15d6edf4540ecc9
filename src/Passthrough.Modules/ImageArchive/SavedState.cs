using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary><c>state=saved</c>: images from upstream registries into one archive.</summary>
static class SavedState
{
    const string Failed = "failed";

    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var context = run.Context;
        var asked = run.Requests();
        using var upstreams = RegistryConnection.OpenUpstreams(context, run.PullFrom());
        using var signatures = RegistryConnection.OpenSignatures(context, upstreams.Requests);
        var expanded = await ReleasePayload.ExpandAsync(upstreams, signatures, asked.Any(image => image.ExpandsRelease) ? ArchiveSaver.SignaturesIn(run.Path) : [], asked, cancellation);
        foreach (var release in expanded.Unsigned)
        {
            context.Warnings.Add(expanded.Fault is { } fault
                ? $"{release} is saved without its signatures, and a cluster will not upgrade to it unforced: {fault.Message}. Save it again, or name a signature_store that has them"
                : $"{release} has no signature in {context.Arguments.Text("signature_store")}: a cluster will not upgrade to it unforced");
        }

        var options = new SaveOptions
        {
            MayLoseImages = context.Arguments.Flag("force"),
            Signatures = expanded.Signatures,
            Concurrency = run.Concurrency,
            ContinueOnError = run.ContinueOnError,
            Retries = context.Arguments.Number("retries")!.Value,
            PartSize = run.PartSize,
            Bandwidth = run.Limit,
            Bases = await run.ReadBasesAsync(cancellation)
        };
        var report = await new ArchiveSaver(upstreams, options, context.Progress, context.Time).SaveAsync(expanded.Requests, run.Path, context.CheckMode, cancellation);

        if (report.Replaced is { } damage)
            context.Warnings.Add($"the archive that was there is damaged and is made again: {damage}");
        WarnOfLosses(context, report, run.Path);
        if (report.Changed)
            NoteActions(context, report, run.Path);
        var before = report.Before.Where(image => image.Reference is not null).DistinctBy(image => image.Reference!.ToString()).ToDictionary(image => image.Reference!.ToString(), image => image.Root.Digest, StringComparer.Ordinal);
        var counts = ResultParts.Counts(report.Plan.Images.Select(image => StatusOf(image, before)).Concat(report.Failed.Select(_ => Failed)), "saved", "updated", "present", Failed);
        counts["removed"] = before.Keys.Except(report.Plan.Images.Select(image => image.Name.ToString()), StringComparer.Ordinal).Count();
        var expiries = await ReadExpiriesAsync(context, report, run.Path, cancellation);
        foreach (var (image, time) in expiries)
            context.Warnings.Add(ExpiryLabel.Warn(image, ExpiryLabel.Quay, time, "Quay"));
        return new ModuleResult
        {
            Changed = report.Changed,
            Message = Summary(run, report),
            Diffs = DiffsOf(report, run.Path),
            Failure = report.Failed.Select(failure => Failure(failure.Request, failure.Error)).FirstOrDefault(),
            Data = new JObject
            {
                ["archive"] = ResultParts.Archive(run.Path, "oci-archive", report.Plan.Size, report.Plan.Id, new JArray(report.Parts.Select(part => ResultParts.Part(part.Name, part.Size, part.Sha256)))),
                ["signatures"] = new JArray(report.Plan.Signatures.Select(release => new JObject { ["release"] = release.Release.ToString(), ["count"] = release.Signatures.Length })),
                ["counts"] = counts,
                ["bytes"] = new JObject
                {
                    ["logical"] = report.Plan.Images.Sum(image => BytesOf(image.Tree)),
                    ["unique"] = UniqueBytes(report),
                    ["in_bases"] = report.Plan.LeftToBases.Sum(left => left.Blob.Size),
                    ["to_fetch"] = report.BytesToFetch,
                    ["fetched"] = report.BytesFetched,
                    ["reused"] = report.BytesReused,
                },
                ["requests"] = ResultParts.Requests(upstreams.Requests),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
            },
            Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal)
            {
                ["images"] = report.Plan.Images.Select(image => Describe(image, before, expiries)).Concat(report.Failed.Select(Describe)),
            },
        };
    }

    // Labels stand in configurations, which check mode does not fetch: it says nothing about those that are not in the archive yet.
    static async Task<Dictionary<string, string>> ReadExpiriesAsync(ModuleContext context, SaveReport report, string path,
        CancellationToken cancellation)
    {
        var expiries = new Dictionary<string, string>(StringComparer.Ordinal);
        if (context.CheckMode && report.Changed)
            return expiries;
        using var archive = ArchiveFormats.Open(path);
        foreach (var image in report.Plan.Images)
        {
            if (await ExpiryLabel.ReadAsync(archive, archive.Has, image.Name, image.Tree, ExpiryLabel.Quay, cancellation) is { } time)
                expiries[image.Name.ToString()] = time;
        }

        return expiries;
    }

    static void WarnOfLosses(ModuleContext context, SaveReport report, string path)
    {
        const int MostWarnings = 10;
        const int MostNamed = 5;
        if (!report.Lost.IsEmpty)
        {
            var kept = report.KeptManifest is null ? "" : $"; {report.KeptManifest} still lists them and can be given as base";
            context.Warnings.Add($"{path} {(context.CheckMode ? "would lose" : "no longer has")} {Wording.Images(report.Lost.Length)} "
                + $"that it had: {string.Join(", ", report.Lost.Take(MostNamed))}{(report.Lost.Length > MostNamed ? ", …" : "")}{kept}");
        }

        var warnings = report.Plan.Images.SelectMany(image => image.Warnings).ToList();
        foreach (var warning in warnings.Take(MostWarnings))
            context.Warnings.Add(warning);
        if (warnings.Count > MostWarnings)
            context.Warnings.Add($"{warnings.Count - MostWarnings} more signatures or other referrers are not saved, for reasons like "
                + "these");
    }

    static string Summary(ArchiveRun run, SaveReport report)
    {
        var what = $"{Wording.Images(report.Plan.Images.Length)}, {Wording.Bytes(UniqueBytes(report))}";
        if (report.Plan.Bases.All.Count > 0)
            what = $"{what} beside {Wording.Bytes(report.Plan.LeftToBases.Sum(left => left.Blob.Size))} that {string.Join(" and ", report.Plan.Bases.All.Select(archive => archive.Name))} {(report.Plan.Bases.All.Count == 1 ? "has" : "have")}";
        if (!report.Changed)
            return $"{what}: {run.Path} is up to date, {Wording.Duration(run.Elapsed)}";
        if (report.SidecarsOnly)
            return $"{what}: {run.Path} is up to date, {(run.Context.CheckMode ? "would write" : "wrote")} its checksum and manifest";
        return run.Context.CheckMode
            ? $"would save {what}: {Wording.Bytes(report.BytesToFetch)} to fetch, {Wording.Bytes(UniqueBytes(report) - report.BytesToFetch)} in {run.Path} already"
            : $"{what}: {Wording.Bytes(report.BytesFetched)} fetched, {Wording.Bytes(report.BytesReused)} reused, {Wording.Pace(report.BytesFetched, run.Elapsed)}";
    }

    static string StatusOf(SelectedImage image, Dictionary<string, Digest> before) =>
        !before.TryGetValue(image.Name.ToString(), out var old) ? "saved" : old == image.Tree.Root.Digest ? "present" : "updated";

    static JObject Describe(FailedRequest failure) => new() { ["ref"] = failure.Request.Image.ToString(), ["status"] = Failed, ["error"] = ResultParts.Error(failure.Error) };

    static JObject Describe(SelectedImage image, Dictionary<string, Digest> before, Dictionary<string, string> expiries)
    {
        var digest = image.Tree.Root.Digest;
        var json = new JObject
        {
            ["ref"] = image.Name.ToString(),
            ["digest"] = digest.ToString(),
            ["media_type"] = image.Tree.Root.MediaType,
            ["status"] = StatusOf(image, before),
            ["platforms"] = ResultParts.Platforms(image.Tree.IndexPlatforms),
            ["bytes"] = BytesOf(image.Tree),
        };
        if (expiries.TryGetValue(image.Name.ToString(), out var expiry))
            json["expires_after"] = expiry;
        if (image.Request.WithReferrers || !image.Attachments.IsEmpty)
            json["referrers"] = new JArray(image.Attachments.Select(attachment => new JObject { ["subject"] = attachment.Subject.ToString(), ["digest"] = attachment.Tree.Root.Digest.ToString(), ["tag"] = attachment.Tag }));
        if (image.SourceDigest != digest)
        {
            json["source_digest"] = image.SourceDigest.ToString();
            json["omitted_platforms"] = ResultParts.Platforms(image.OmittedPlatforms);
        }

        return json;
    }

    static void NoteActions(ModuleContext context, SaveReport report, string path)
    {
        if (!report.SidecarsOnly)
            context.Actions.Add($"write {path}");
        if (report.KeptManifest is { } kept)
            context.Actions.Add($"write {kept}");
        context.Actions.Add($"write {ArchiveSaver.ManifestPath(path)}");
        context.Actions.Add($"write {ArchiveSaver.ChecksumPath(path)}");
    }

    static ResultDiff[] DiffsOf(SaveReport report, string path)
    {
        var before = ResultParts.Lines(report.Before.Where(image => image.Reference is not null).Select(image => $"{image.Reference} {image.Root.Digest}"));
        var after = ResultParts.Lines(report.Plan.Images.Select(image => $"{image.Name} {image.Tree.Root.Digest}"));
        return before == after ? [] : [new ResultDiff(path, before, after)];
    }

    static long UniqueBytes(SaveReport report) => report.Plan.Blobs.Sum(member => member.Size);

    static long BytesOf(ManifestTree tree) => tree.Blobs.Where(blob => !ManifestTree.IsForeign(blob)).Sum(blob => blob.Size);

    static ModuleException Failure(ImageRequest request, ModuleException e) =>
        new(e.Code, e.Message, e.Hint, e) { HttpStatus = e.HttpStatus, Image = request.Image.ToString(), Blob = e.Blob };
}
