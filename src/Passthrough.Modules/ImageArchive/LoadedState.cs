using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary><c>state=loaded</c>: an archive into the local registry, digests unchanged.</summary>
static class LoadedState
{
    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var context = run.Context;
        var connection = run.Connect();
        using var archive = run.OpenArchive(cancellation);
        var plan = await LoadPlan.MakeAsync(archive, run.Choose(archive), run.Naming(connection), cancellation);
        var record = run.RecordPath is null ? null : DeliveredImages.Of(connection.Endpoint.Authority, run.RecordPath);
        // What is wrong with its path is known before anything is sent, too.
        record?.With(plan.Delivered(_ => true)).Write(run.RecordPath!, checkMode: true);

        using var store = await connection.OpenStoreAsync(cancellation);
        foreach (var blob in plan.Contents.Blobs)
        {
            if (blob.Size > store.Traits.UsualMaxBlobBytes)
                context.Warnings.Add($"blob {blob.Digest} has {Wording.Bytes(blob.Size)}, and {connection.Product.Title} takes {Wording.Bytes(store.Traits.UsualMaxBlobBytes.Value)} unless it is configured otherwise");
        }

        IImageTarget target = context.CheckMode ? new ReadOnlyTarget(store) : store;
        var report = await plan.CopyAsync(run, target, TargetRoom.Of(connection), run.ContinueOnError, cancellation);
        var failure = report.Outcomes.Select(outcome => outcome.Error).OfType<ModuleException>().FirstOrDefault();
        var attachments = run.LeavesReferrersOut || (failure is not null && !run.ContinueOnError)
            ? new AttachmentReport([], IsChanged: false, Failure: null)
            : await (await AttachmentPlan.MakeAsync(archive, plan.Items, plan.Naming, cancellation)).CopyAsync(run, plan, target, cancellation);
        foreach (var outcome in report.Outcomes.Where(IsChange))
            context.Actions.Add($"load {outcome.Item.Source} as {outcome.Item.Target}");
        var delivered = record?.With(plan.Delivered(i => IsChange(report.Outcomes[i]) || report.Outcomes[i].Status == CopyStatus.Present));
        var recorded = delivered?.Write(run.RecordPath!, context.CheckMode);
        if (recorded is { Changed: true })
            context.Actions.Add($"write {recorded.Path}");
        var signatures = run.SignaturesPath is { } folder ? WriteSignatures(archive, report, folder, context.CheckMode) : [];
        foreach (var signature in signatures.Where(signature => signature.Changed))
            context.Actions.Add($"write {signature.Path}");

        return new ModuleResult
        {
            // What a failed image has left in the registry is a change, too.
            Changed = report.Outcomes.Any(IsChange) || report.Totals is { BlobsUploaded: > 0 } or { BlobsMounted: > 0 } || attachments.IsChanged || recorded is { Changed: true } || signatures.Exists(signature => signature.Changed),
            Message = Summary(run, plan, report, attachments),
            Diffs = DiffsOf(connection.Endpoint.Authority, report, recorded, record, delivered),
            Failure = failure ?? attachments.Failure,
            Data = new JObject
            {
                ["archive"] = ResultParts.Archive(archive),
                ["left_out"] = ResultParts.LeftOut(archive),
                ["referrers"] = new JArray(attachments.Attachments.Select(attachment => attachment.Describe(StatusOf(attachment.Outcome!)))),
                ["signatures"] = new JArray(signatures.Select(signature => new JObject { ["path"] = signature.Path, ["changed"] = signature.Changed })),
                ["counts"] = Counts(report),
                ["bytes"] = new JObject
                {
                    ["logical"] = plan.Contents.LogicalBytes,
                    ["unique"] = plan.Contents.UniqueBytes,
                    ["uploaded"] = report.Totals.BytesUploaded,
                    ["mounted"] = report.Totals.BytesMounted,
                    ["present"] = report.Totals.BytesPresent,
                },
                ["requests"] = ResultParts.Requests(store.Requests),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
                ["record"] = recorded is null ? null : new JObject { ["path"] = recorded.Path, ["changed"] = recorded.Changed },
            },
            Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal)
            {
                ["images"] = report.Outcomes.Zip(plan.Contents.Images, Describe),
                ["mirror_map"] = ResultParts.MirrorMap(plan.Items),
            },
        };
    }

    // Of releases that are there now. Those of an image of one architecture go with the index that is delivered.
    static List<FileChange> WriteSignatures(IArchive archive, CopyReport report, string folder, bool checkMode)
    {
        var there = report.Outcomes.Where(outcome => IsChange(outcome) || outcome.Status == CopyStatus.Present).Select(outcome => outcome.Item.Root.Digest).ToHashSet();
        var named = archive.Images.Select(image => image.Root.Digest).ToHashSet();
        return [.. archive.Signatures.Where(release => there.Contains(release.Release) || !named.Contains(release.Release))
            .Select(release => AtomicFile.Write(Path.Combine(folder, release.FileName), Encoding.UTF8.GetBytes(release.ConfigMap()), new FileSettings(FileSettings.Readable) { MakeFolder = true }, checkMode))];
    }

    static bool IsChange(CopyOutcome outcome) => outcome.Status is CopyStatus.Loaded or CopyStatus.Updated;

    static string Summary(ArchiveRun run, LoadPlan plan, CopyReport report, AttachmentReport attachments)
    {
        var what = $"{Wording.Images(plan.Items.Length)}, {Wording.Bytes(plan.Contents.UniqueBytes)}";
        if (attachments.Attachments.Count > 0)
            what = $"{what} and {attachments.Attachments.Count.ToString(CultureInfo.InvariantCulture)} signatures or other referrers";
        if (report.Outcomes.All(outcome => outcome.Status == CopyStatus.Present) && !attachments.IsChanged)
            return $"{what}: all there, {Wording.Duration(run.Elapsed)}";
        var uploaded = report.Totals.BytesUploaded;
        var waiting = report.Outcomes.Count(outcome => outcome.Status == CopyStatus.Incomplete);
        if (waiting > 0)
            what = $"{what}, {Wording.Images(waiting)} waiting for parts that are not there";
        var others = Math.Max(plan.Contents.UniqueBytes - uploaded, 0);
        return run.Context.CheckMode
            ? $"would load {what}: {Wording.Bytes(uploaded)} to upload, {Wording.Bytes(others)} already there or to be mounted"
            : $"{what}: {Wording.Bytes(uploaded)} uploaded, {Wording.Bytes(others)} already there or mounted, {Wording.Pace(uploaded, run.Elapsed)}";
    }

    static JObject Describe(CopyOutcome outcome, ImageContent content)
    {
        var json = new JObject
        {
            ["ref"] = outcome.Item.Source.ToString(),
            ["target"] = outcome.Item.Target.ToString(),
            ["digest"] = outcome.Item.Root.Digest.ToString(),
            ["status"] = StatusOf(outcome),
            ["digest_preserved"] = content.Image.DigestPreserved,
            ["platforms"] = ResultParts.Platforms(content.Platforms),
            ["bytes"] = content.Bytes,
            ["bytes_uploaded"] = outcome.BytesUploaded,
        };
        if (outcome.Before is { } before && before != outcome.Item.Root.Digest)
            json["digest_before"] = before.ToString();
        if (outcome.Error is { } error)
            json["error"] = ResultParts.Error(error);
        return json;
    }

    static string StatusOf(CopyOutcome outcome) => outcome.Status switch
    {
        CopyStatus.Loaded => "loaded",
        CopyStatus.Updated => "updated",
        CopyStatus.Present => "present",
        CopyStatus.Failed => "failed",
        CopyStatus.Incomplete => "incomplete",
        _ => "skipped",
    };

    static JObject Counts(CopyReport report)
    {
        var counts = ResultParts.Counts(report.Outcomes.Select(StatusOf), "loaded", "updated", "present", "incomplete", "failed", "skipped");
        counts["manifests_pushed"] = report.Outcomes.Sum(outcome => outcome.Manifests);
        counts["blobs_uploaded"] = report.Totals.BlobsUploaded;
        counts["blobs_mounted"] = report.Totals.BlobsMounted;
        counts["blobs_present"] = report.Totals.BlobsPresent;
        return counts;
    }

    static List<ResultDiff> DiffsOf(string registry, CopyReport report, FileChange? recorded, DeliveredImages? before, DeliveredImages? after)
    {
        var diffs = new List<ResultDiff>();
        var changed = report.Outcomes.Where(IsChange).ToList();
        if (changed.Count > 0)
            diffs.Add(new ResultDiff(registry, ResultParts.Lines(changed.Where(outcome => outcome.Before is not null).Select(outcome => $"{outcome.Item.Target} {outcome.Before}")), ResultParts.Lines(changed.Select(outcome => $"{outcome.Item.Target} {outcome.Item.Root.Digest}"))));
        if (recorded is { Changed: true })
            diffs.Add(new ResultDiff(recorded.Path, recorded.Before is null ? "" : before!.Render(), after!.Render()));
        return diffs;
    }
}
