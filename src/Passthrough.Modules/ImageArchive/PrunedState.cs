using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// <c>state=pruned</c>: takes from the registry what was delivered and no given archive lists any more. Only what the record says was delivered is ever looked at,
/// and nothing is removed unless <c>remove</c> is set. Signatures and the like go with their image.
/// </summary>
static class PrunedState
{
    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var context = run.Context;
        var connection = run.Connect();
        var kept = run.ReadKept();
        var record = DeliveredImages.Of(connection.Endpoint.Authority, run.RecordPath!);
        var removes = context.Arguments.Flag("remove");
        using var store = await connection.OpenStoreAsync(cancellation);
        context.Progress.Phase = removes ? "removing" : "asking what the registry has";
        var goes = run.Choose(record).Where(image => !kept.Contains(image.Source.ToString())).ToList();
        var attached = new AttachedTags(store, Targets(goes), Targets(record.Images));
        var images = new List<JObject>();
        var gone = new HashSet<string>(StringComparer.Ordinal);
        ModuleException? failure = null;
        foreach (var image in goes)
        {
            var json = new JObject { ["ref"] = image.Source.ToString(), ["target"] = image.Target.ToString(), ["digest"] = image.Digest.ToString() };
            images.Add(json);
            try
            {
                json["status"] = failure is not null && !run.ContinueOnError ? "skipped" : await PruneAsync(store, attached, image, json, removes, context, cancellation);
                if ((string?)json["status"] is "removed" or "absent")
                    gone.Add(image.Target.ToString());
            }
            catch (ModuleException e)
            {
                json["status"] = "failed";
                json["error"] = ResultParts.Error(e);
                failure ??= new ModuleException(e.Code, e.Message, e.Hint, e) { HttpStatus = e.HttpStatus, Image = image.Source.ToString() };
            }
        }

        var after = record.Without(gone);
        var recorded = removes ? after.Write(run.RecordPath!, context.CheckMode) : null;
        if (recorded is { Changed: true })
            context.Actions.Add($"write {recorded.Path}");
        var counts = ResultParts.Counts(images.Select(image => (string)image["status"]!), "unused", "removed", "absent", "different", "failed", "skipped");
        counts["kept"] = record.Images.Length - images.Count;
        return new ModuleResult
        {
            Changed = (int)counts["removed"]! > 0 || recorded is { Changed: true },
            Message = Summary(run, counts, removes),
            Diffs = recorded is { Changed: true } ? [new ResultDiff(recorded.Path, record.Render(), after.Render())] : [],
            Failure = failure,
            Data = new JObject
            {
                ["images"] = new JArray(images),
                ["counts"] = counts,
                ["requests"] = ResultParts.Requests(store.Requests),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
                ["record"] = recorded is null ? null : new JObject { ["path"] = recorded.Path, ["changed"] = recorded.Changed },
            },
        };
    }

    static HashSet<string> Targets(IEnumerable<DeliveredImage> images) => images.Select(image => image.Target.ToString()).ToHashSet(StringComparer.Ordinal);

    static async Task<string> PruneAsync(RegistryStore store, AttachedTags attached, DeliveredImage image, JObject json, bool removes, ModuleContext context, CancellationToken cancellation)
    {
        var there = await store.ResolveAsync(image.Target, cancellation);
        if (there is null)
            return "absent";
        // Somebody has pushed something else since: that is not ours to remove.
        if (there.Digest != image.Digest)
            return "different";
        var belonging = await attached.FindAsync(image.Target, image.Digest, cancellation);
        if (belonging.Count > 0)
            json["tags"] = new JArray(belonging.Select(tag => tag.Tag));
        if (!removes)
            return "unused";
        foreach (var tag in belonging)
        {
            context.Actions.Add($"remove {tag}");
            if (!context.CheckMode && await store.ResolveAsync(tag, cancellation) is { } manifest)
                await RemoveAsync(store, attached, tag, manifest.Digest, belonging, cancellation);
        }

        context.Actions.Add($"remove {image.Target} ({image.Digest})");
        if (!context.CheckMode)
            await RemoveAsync(store, attached, image.Target, image.Digest, [], cancellation);
        return "removed";
    }

    // Some products take tags away and leave the manifest to their own collection; others know only manifests, and lose all their tags with them.
    static async Task RemoveAsync(RegistryStore store, AttachedTags attached, Reference target, Digest digest, IReadOnlyList<Reference> alsoGoing, CancellationToken cancellation)
    {
        var tags = await attached.TagsAsync(target, cancellation);
        try
        {
            await store.RemoveTagAsync(target, cancellation);
        }
        catch (ModuleException e) when (e.HttpStatus is 400 or 404 or 405)
        {
            foreach (var tag in await tags.NamingAsync(digest, cancellation))
            {
                if (tag != target.Tag && !alsoGoing.Contains(target.WithTag(tag)))
                    throw new ModuleException(ErrorCodes.Unsupported, $"{target} cannot be removed alone: {target.Registry} takes only whole manifests away, and the tag {tag} names the same one", "leave it, or prune both", e);
            }

            await store.RemoveManifestAsync(target.WithDigest(digest), cancellation);
        }

        tags.Remove(target.Tag!);
    }

    static string Summary(ArchiveRun run, JObject counts, bool removes)
    {
        var kept = string.Create(CultureInfo.InvariantCulture, $"{(int)counts["kept"]!} stay");
        if (!removes)
            return $"{Wording.Images((int)counts["unused"]!)} that no given archive lists, {kept}: set remove=true to remove what images shows";
        return $"{(run.Context.CheckMode ? "would remove " : "removed ")}{Wording.Images((int)counts["removed"]!)}, {kept}, {Wording.Duration(run.Elapsed)}";
    }
}
