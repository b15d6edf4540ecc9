using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Files;
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
        var incomplete = run.ChooseIncomplete(archive);
        if (!run.ContinueOnError && IncompleteImages.FaultOf(incomplete, archive) is { } notEvenBegun)
            throw notEvenBegun;
        var plan = await LoadPlan.MakeAsync(archive, run.Choose(archive), run.Naming(connection), cancellation);
        // What is wrong with the record or its path is known before anything is sent.
        new Recording(run.RecordPath, connection.Endpoint.Authority, checkMode: true)
            .Write(plan.Delivered(_ => true, new Dictionary<int, string>()));

        using var store = await connection.OpenStoreAsync(cancellation);
        foreach (var blob in plan.Contents.Blobs)
        {
            if (blob.Size > store.Traits.UsualMaxBlobBytes)
                context.Warnings.Add($"blob {blob.Digest} has {Wording.Bytes(blob.Size)}, and {connection.Product.Title} takes {Wording.Bytes(store.Traits.UsualMaxBlobBytes.Value)} unless it is configured otherwise");
        }

        IImageTarget target = context.CheckMode ? new ReadOnlyTarget(store) : store;
        var report = await plan.CopyAsync(run, target, TargetRoom.Of(connection), run.ContinueOnError, cancellation);
        var failure = report.Outcomes.Select(outcome => outcome.Error).OfType<ModuleException>().FirstOrDefault()
            ?? IncompleteImages.FaultOf(incomplete, archive);
        if (!report.IsStopped)
            await OtherAlgorithms.WarnAsync(run, store, report, cancellation);
        if (report.IsStopped)
            failure = Stopped(report);
        var attachments = run.LeavesReferrersOut || report.IsStopped || (failure is not null && !run.ContinueOnError)
            ? new AttachmentReport([])
            : await (await AttachmentPlan.MakeAsync(archive, plan.Items, plan.Naming, cancellation)).CopyAsync(run, plan, target, cancellation);
        failure ??= attachments.IsStopped ? Stopped(report) : attachments.Failure;
        var expiries = store.Traits.ExpiryLabel is { } label ? await ReadExpiriesAsync(plan, label) : [];
        foreach (var (i, time) in expiries.Where(pair => report.Outcomes[pair.Key].IsThere))
            context.Warnings.Add(ExpiryLabel.Warn(plan.Items[i].Target.ToString(), store.Traits.ExpiryLabel!, time,
                connection.Product.Title));
        NoteDeliveries(context, report);
        foreach (var action in attachments.Actions)
            context.Actions.Add(action);
        // Whatever happened: what was delivered is recorded, and what fails from here on does not hide it.
        var recording = new Recording(run.RecordPath, connection.Endpoint.Authority, context.CheckMode);
        var signatures = new List<FileChange>();
        Action[] writes =
        [
            () => recording.Write(plan.Delivered(i => report.Outcomes[i].IsThere, expiries)),
            () => WriteSignatures(archive, report, run.SignaturesPath, context.CheckMode, signatures),
        ];
        foreach (var fault in writes.Select(Catch).OfType<ModuleException>())
            failure ??= fault;
        foreach (var file in signatures.Prepend(recording.Change).Where(file => file is { Changed: true }))
            context.Actions.Add($"write {file!.Path}");

        return new ModuleResult
        {
            Changed = context.Actions.Count > 0,
            Message = Summary(run, plan, report, attachments,
                [.. signatures.Prepend(recording.Change).OfType<FileChange>().Where(file => file.Changed)]),
            Diffs = DiffsOf(connection.Endpoint.Authority, report, recording),
            Failure = failure,
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
                ["record"] = recording.Describe(),
            },
            Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal)
            {
                ["images"] = report.Outcomes.Select((outcome, i) =>
                    Describe(outcome, plan.Contents.Images[i], expiries.GetValueOrDefault(i)))
                    .Concat(incomplete.Select(image => IncompleteImages.Describe(image, archive, "failed"))),
                ["mirror_map"] = ResultParts.MirrorMap(plan.Items),
            },
        };
    }

    // Actions are in the order of the archive, so that check mode predicts them, whatever was finished first.
    static void NoteDeliveries(ModuleContext context, CopyReport report)
    {
        foreach (var outcome in report.Outcomes.Where(outcome => outcome.IsDelivered))
        {
            var how = outcome.MovedFrom is { } before ? $" (the tag moves from {before} to {outcome.Item.Root.Digest})" : outcome.IsRepaired
                ? " (something of it was missing)" : "";
            context.Actions.Add($"load {outcome.Item.Source} as {outcome.Item.Target}{how}");
        }

        // What an image that failed, or waits for a part, has left in the registry is a change, too.
        if (report is { Totals: { BlobsUploaded: > 0 } or { BlobsMounted: > 0 } } && !report.Outcomes.Any(outcome => outcome.IsDelivered))
            context.Actions.Add(string.Create(CultureInfo.InvariantCulture,
                $"upload {report.Totals.BlobsUploaded} and mount {report.Totals.BlobsMounted} blobs of images that are not complete"));
    }

    static ModuleException Stopped(CopyReport report)
    {
        var delivered = report.Outcomes.Count(outcome => outcome.IsDelivered);
        var what = delivered == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $": {delivered} of "
            + $"{Wording.Images(report.Outcomes.Length)}");
        return new ModuleException(ErrorCodes.Cancelled, $"stopped by a signal; what was delivered stays{what}", "run it again to finish");
    }

    static ModuleException? Catch(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (ModuleException e)
        {
            return e;
        }
    }

    // By position, of the images that have one. The archive is on a disk of this host, so that a run that was stopped can still read it.
    static async Task<Dictionary<int, string>> ReadExpiriesAsync(LoadPlan plan, string label)
    {
        var expiries = new Dictionary<int, string>();
        for (var i = 0; i < plan.Items.Length; i++)
        {
            if (plan.Contents.Images[i] is { Fault: null, Image.HasManifest: true }
                && await ExpiryLabel.ReadAsync(plan.Contents.Archive, plan.Contents.Archive.Has,
                    plan.Items[i].Source.WithDigest(plan.Items[i].Root.Digest), label, CancellationToken.None) is { } time)
                expiries[i] = time;
        }

        return expiries;
    }

    // Of releases that are there now. Those of an image of one architecture go with the index that is delivered.
    static void WriteSignatures(IArchive archive, CopyReport report, string? folder, bool checkMode, List<FileChange> written)
    {
        if (folder is null)
            return;
        var there = report.Outcomes.Where(outcome => outcome.IsThere).Select(outcome => outcome.Item.Root.Digest).ToHashSet();
        var named = archive.Images.Select(image => image.Root.Digest).ToHashSet();
        foreach (var release in archive.Signatures.Where(release => there.Contains(release.Release) || !named.Contains(release.Release)))
            written.Add(AtomicFile.Write(Path.Combine(folder, release.FileName), Encoding.UTF8.GetBytes(release.ConfigMap()),
                new FileSettings(FileSettings.Readable) { MakeFolder = true }, checkMode));
    }

    static string Summary(ArchiveRun run, LoadPlan plan, CopyReport report, AttachmentReport attachments, List<FileChange> files)
    {
        var what = $"{Wording.Images(plan.Items.Length)}, {Wording.Bytes(plan.Contents.UniqueBytes)}";
        if (attachments.Attachments.Count > 0)
            what = $"{what} and {attachments.Attachments.Count.ToString(CultureInfo.InvariantCulture)} signatures or other referrers";
        var isCheck = run.Context.CheckMode;
        var wrote = Wrote(files, isCheck);
        if (report.Outcomes.All(outcome => outcome.Status == CopyStatus.Present) && attachments.Actions.Count == 0)
            return $"{what}: all there, {Wording.Duration(run.Elapsed)}{wrote}";
        var present = report.Outcomes.Count(outcome => outcome.Status == CopyStatus.Present);
        if (present > 0)
            what = string.Create(CultureInfo.InvariantCulture, $"{what}, {present} of them complete before");
        var waiting = report.Outcomes.Count(outcome => outcome.Status == CopyStatus.Incomplete);
        if (waiting > 0)
            what = $"{what}, {Wording.Images(waiting)} waiting for parts that are not there";
        var (uploaded, spared) = (report.Totals.BytesUploaded, report.Totals.BytesSpared);
        var sentence = isCheck
            ? $"would load {what}: {Wording.Bytes(uploaded)} to upload, {Wording.Bytes(spared)} already there or to be mounted"
            : $"{what}: {Wording.Bytes(uploaded)} uploaded, {Wording.Bytes(spared)} already there or mounted, "
                + $"{Wording.Pace(uploaded, run.Elapsed)}";
        return $"{sentence}{Moved(report, isCheck)}{Repaired(report, isCheck)}{wrote}";
    }

    static string Wrote(List<FileChange> files, bool isCheck)
    {
        if (files.Count == 0)
            return "";
        var what = files.Count < 3 ? string.Join(" and ", files.Select(file => file.Path))
            : string.Create(CultureInfo.InvariantCulture, $"{files[0].Path} and {files.Count - 1} more files");
        return $"; {(isCheck ? "would write" : "wrote")} {what}";
    }

    // Who pulls a tag gets another image from now on: that is said with both digests, of the first in full and of the others in images.
    static string Moved(CopyReport report, bool isCheck)
    {
        var moved = report.Outcomes.Where(outcome => outcome.MovedFrom is not null).ToList();
        if (moved.Count == 0)
            return "";
        var verb = isCheck ? "would move" : "moved";
        var first = $"{moved[0].Item.Target} {verb} from {moved[0].MovedFrom} to {moved[0].Item.Root.Digest}";
        var count = moved.Count.ToString(CultureInfo.InvariantCulture);
        return moved.Count == 1 ? $"; {first}" : $"; {count} tags {verb}: {first}, the others are in images with digest_before";
    }

    static string Repaired(CopyReport report, bool isCheck)
    {
        var repaired = report.Outcomes.Where(outcome => outcome.IsRepaired).ToList();
        return repaired.Count == 0 ? ""
            : $"; {(repaired.Count == 1 ? $"{repaired[0].Item.Target} was" : $"{Wording.Images(repaired.Count)} were")} incomplete in "
                + $"the registry and {(isCheck ? "would be" : repaired.Count == 1 ? "is" : "are")} repaired";
    }

    static JObject Describe(CopyOutcome outcome, ImageContent content, string? expiry)
    {
        var json = new JObject
        {
            ["ref"] = outcome.Item.Source.ToString(),
            ["target"] = outcome.Item.Target.ToString(),
            ["digest"] = outcome.Item.Root.Digest.ToString(),
            ["status"] = StatusOf(outcome),
            ["platforms"] = ResultParts.Platforms(content.Platforms),
            ["bytes"] = content.Bytes,
            ["bytes_uploaded"] = outcome.BytesUploaded,
        };
        if (expiry is not null)
            json["expires_after"] = expiry;
        ResultParts.AddDigestPreserved(json, content.Image);
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

    static List<ResultDiff> DiffsOf(string registry, CopyReport report, Recording recording)
    {
        var diffs = new List<ResultDiff>();
        var changed = report.Outcomes.Where(outcome => outcome.IsDelivered).ToList();
        if (changed.Count > 0)
            diffs.Add(new ResultDiff(registry, ResultParts.Lines(changed.Where(outcome => outcome.Before is not null).Select(outcome => $"{outcome.Item.Target} {outcome.Before}")), ResultParts.Lines(changed.Select(outcome => $"{outcome.Item.Target} {outcome.Item.Root.Digest}"))));
        if (recording.Diff is { } diff)
            diffs.Add(diff);
        return diffs;
    }
}
