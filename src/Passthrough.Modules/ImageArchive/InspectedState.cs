using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary><c>state=inspected</c> with <c>path</c>: what is in an archive and, where a registry is named, what it would still need.</summary>
static class InspectedState
{
    /// <summary>Of the blobs that images share; the rest saves next to nothing.</summary>
    const string Incomplete = "incomplete";
    const int MostShared = 50;

    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        InspectedRegistry.RequireNoArchive(run);
        using var archive = run.OpenArchive(cancellation);
        var chosen = run.Choose(archive);
        run.Context.Progress.Phase = "reading manifests";
        var contents = await ArchiveContents.ReadAsync(archive, chosen, cancellation);
        foreach (var fault in contents.Images.Select(image => image.Fault).OfType<ModuleException>())
            run.Context.Warnings.Add(fault.Message);

        var shared = contents.Blobs.Where(blob => blob.Images > 1).OrderByDescending(blob => blob.Size * (blob.Images - 1)).ThenBy(blob => blob.Digest).ToList();
        var incomplete = run.ChooseIncomplete(archive);
        var counts = ResultParts
            .Counts(contents.Images.Select(StatusOf).Concat(incomplete.Select(_ => Incomplete)), "complete", Incomplete, "damaged");
        counts["nameless"] = chosen.Count(image => image.Reference is null);
        counts["attachments"] = archive.Attachments.Length;
        counts["dangling"] = archive.Dangling;
        counts["blobs"] = contents.Blobs.Count;
        counts["blobs_shared"] = shared.Count;
        var bytes = new JObject
        {
            ["logical"] = contents.LogicalBytes,
            ["unique"] = contents.UniqueBytes,
            ["saved_by_sharing"] = contents.LogicalBytes - contents.UniqueBytes,
        };
        var data = new JObject
        {
            ["archive"] = ResultParts.Archive(archive),
            ["left_out"] = ResultParts.LeftOut(archive),
            ["shared_blobs"] = new JArray(shared.Take(MostShared).Select(blob => new JObject { ["digest"] = blob.Digest.ToString(), ["size"] = blob.Size, ["images"] = blob.Images })),
            ["counts"] = counts,
            ["bytes"] = bytes,
        };
        var outcomes = new Dictionary<string, CopyOutcome>(StringComparer.Ordinal);
        var lists = new Dictionary<string,
            IEnumerable<JToken>>(
                StringComparer.Ordinal)
        {
            ["images"] = contents.Images.Select(image => Describe(image, outcomes))
                    .Concat(incomplete.Select(image => IncompleteImages.Describe(image, archive, Incomplete)))
        };
        var needs = "";
        if (run.HasRegistry)
        {
            var connection = run.Connect();
            var plan = await LoadPlan.MakeAsync(archive, chosen.Where(image => image.Reference is not null), run.Naming(connection), cancellation);
            needs = await CompareAsync(run, connection, plan, outcomes, data, cancellation);
            lists["mirror_map"] = ResultParts.MirrorMap(plan.Items);
        }

        data["duration_s"] = ResultParts.Seconds(run.Elapsed);
        var broken = contents.Images.Count(image => !image.IsWhole) + incomplete.Count;
        var whole = broken == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {broken} of them not whole");
        return new ModuleResult
        {
            Changed = false,
            Message = $"{Wording.Images(contents.Images.Length + incomplete.Count)}, {Wording.Bytes(contents.UniqueBytes)} "
                + $"({Wording.Bytes(contents.LogicalBytes)} if nothing were shared){whole}{needs}",
            Data = data,
            Lists = lists,
        };
    }

    static string StatusOf(ImageContent content) => content.Fault is not null ? "damaged" : content.IsWhole ? "complete" : Incomplete;

    static JObject Describe(ImageContent content, Dictionary<string, CopyOutcome> outcomes)
    {
        var json = new JObject
        {
            ["ref"] = content.Image.Reference?.ToString(),
            ["name"] = content.Image.Name,
            ["digest"] = content.Image.Root.Digest.ToString(),
            ["media_type"] = content.Image.Root.MediaType,
            ["status"] = StatusOf(content),
            ["platforms"] = ResultParts.Platforms(content.Platforms),
            ["bytes"] = content.Bytes,
        };
        ResultParts.AddDigestPreserved(json, content.Image);
        if (content.BytesLeftToBases > 0)
            json["bytes_in_bases"] = content.BytesLeftToBases;
        if (!content.MissingManifests.IsEmpty)
            json["missing_platforms"] = new JArray(content.MissingManifests.Select(manifest => manifest.Platform?.ToString() ?? manifest.Digest.ToString()));
        if (!content.MissingBlobs.IsEmpty)
            json["missing_blobs"] = new JArray(content.MissingBlobs.Select(blob => blob.ToString()));
        if (content.Fault is { } fault)
            json["error"] = ResultParts.Error(fault);
        if (content.Image.Reference is { } name && outcomes.TryGetValue(name.ToString(), out var outcome))
            Add(json, outcome);
        return json;
    }

    static void Add(JObject json, CopyOutcome outcome)
    {
        json["target"] = outcome.Item.Target.ToString();
        json["in_registry"] = StateOf(outcome);
        if (outcome.Error is { } error)
            json["error"] = ResultParts.Error(error);
    }

    // That an image cannot be loaded from this archive says nothing about what the registry has: its tag was looked up all the same.
    static string StateOf(CopyOutcome outcome) =>
        outcome.Status == CopyStatus.Present ? "present"
        : outcome.IsUnknown || (outcome.Before == outcome.Item.Root.Digest && !outcome.IsDelivered) ? "unknown"
        : outcome.Before is null ? "missing"
        : outcome.IsRepaired ? "incomplete"
        : "different";

    // Asks as a load in check mode does. Images that could not be loaded as they are stay without an answer.
    static async Task<string> CompareAsync(ArchiveRun run, RegistryConnection connection, LoadPlan plan, Dictionary<string, CopyOutcome> outcomes, JObject data, CancellationToken cancellation)
    {
        using var store = await connection.OpenStoreAsync(cancellation);
        var report = await plan.CopyAsync(run, new ReadOnlyTarget(store), room: null, continueOnError: true, cancellation);
        cancellation.ThrowIfCancellationRequested();
        foreach (var outcome in report.Outcomes)
            outcomes[outcome.Item.Source.ToString()] = outcome;
        var needed = report.Outcomes.Count(outcome => outcome.IsDelivered);
        var unknown = report.Outcomes.Where(outcome => StateOf(outcome) == "unknown").ToList();
        ((JObject)data["counts"]!)["needed"] = needed;
        ((JObject)data["counts"]!)["unknown"] = unknown.Count;
        ((JObject)data["bytes"]!)["needed"] = report.Totals.BytesUploaded;
        data["requests"] = ResultParts.Requests(store.Requests);
        if (report.Outcomes.All(outcome => outcome.Status == CopyStatus.Present))
            return $"; {connection.Endpoint.Authority} has them all";
        var needs = needed == 0 && unknown.Count > 0 ? ""
            : $"; {connection.Endpoint.Authority} needs {Wording.Images(needed)}, {Wording.Bytes(report.Totals.BytesUploaded)}";
        return unknown.Count == 0 ? needs : $"{needs}; what {connection.Endpoint.Authority} has of {Wording.Images(unknown.Count)} is "
            + $"unknown: {unknown[0].Error?.Message}";
    }
}
