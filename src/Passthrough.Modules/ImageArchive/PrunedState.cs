using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// <c>state=pruned</c>: takes from the registry what was delivered and no given archive lists any more. Only what the record says was delivered is ever looked at,
/// and nothing is removed unless <c>remove</c> is set. Signatures and the like go with their image, as do the manifests below an index that
/// nothing else needs.
/// </summary>
static class PrunedState
{
    const string Unused = "unused";
    const string Removed = "removed";
    const string Absent = "absent";
    const string Different = "different";
    const string Unknown = "unknown";
    const string Failed = "failed";
    const string Skipped = "skipped";

    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var context = run.Context;
        var connection = run.Connect();
        var kept = run.ReadKept();
        var record = DeliveredImages.Of(connection.Endpoint.Authority, run.RecordPath!);
        var removes = context.Arguments.Flag("remove");
        using var store = await connection.OpenStoreAsync(cancellation);
        context.Progress.Phase = removes ? "removing" : "asking what the registry has";
        List<PrunedImage> images = [.. run.Choose(record).Where(image => !kept.Contains(image.Source.ToString()))
            .Select(image => new PrunedImage(image))];
        ModuleException? failure = null;
        try
        {
            foreach (var image in images)
                await DoAsync(image, async () => image.Status = await LookUpAsync(store, image.Image, cancellation));
            // A tag that names another image by now is not going, and what that image needs stays with it.
            var attached = new AttachedTags(store, Targets(images.Where(image => image.Status == Unused).Select(image => image.Image)),
                Targets(record.Images));
            var removal = new Removal(store, attached, context);
            // An index before the manifests below it: some registries keep those while the index needs them.
            foreach (var image in images.Where(image => image.Status == Unused)
                .OrderBy(image => !MediaTypes.IsIndex(image.Image.MediaType)))
                await DoAsync(image, () => PruneAsync(image, attached, removal, removes, cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            failure = new ModuleException(ErrorCodes.Cancelled,
                "stopped by a signal; what was removed is in actions, and no longer in the record", "run it again to finish");
        }

        foreach (var image in images.Where(image => image.Status is null || (removes && failure is not null && image.Status == Unused)))
            image.Status = Skipped;
        var recording = new Recording(run.RecordPath, connection.Endpoint.Authority, context.CheckMode);
        if (removes)
            Record(recording, images, context, ref failure);
        var counts = ResultParts.Counts(images.Select(image => image.Status!), Unused, Removed, Absent, Different, Unknown, Failed,
            Skipped);
        counts["kept"] = record.Images.Length - images.Count;
        return new ModuleResult
        {
            Changed = context.Actions.Count > 0,
            Message = Summary(run, counts, removes),
            Diffs = recording.Diff is { } diff ? [diff] : [],
            Failure = failure,
            Data = new JObject
            {
                ["images"] = new JArray(images.Select(image => image.Describe())),
                ["counts"] = counts,
                ["requests"] = ResultParts.Requests(store.Requests),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
                ["record"] = recording.Describe(),
            },
        };

        async Task DoAsync(PrunedImage image, Func<Task> work)
        {
            try
            {
                if (failure is null || run.ContinueOnError)
                    await work();
            }
            catch (ModuleException e)
            {
                image.Status = Failed;
                image.Error = e;
                failure ??= new ModuleException(e.Code, e.Message, e.Hint, e)
                {
                    HttpStatus = e.HttpStatus,
                    Image = image.Image.Source.ToString(),
                };
            }
        }
    }

    static void Record(Recording recording, IEnumerable<PrunedImage> images, ModuleContext context, ref ModuleException? failure)
    {
        try
        {
            recording.Write(record =>
                record.Without(Targets(images.Where(image => image.Status is Removed or Absent).Select(image => image.Image))));
        }
        catch (ModuleException e)
        {
            failure ??= e;
        }

        if (recording.Change is { Changed: true } change)
            context.Actions.Add($"write {change.Path}");
    }

    static HashSet<string> Targets(IEnumerable<DeliveredImage> images) =>
        images.Select(image => image.Target.ToString()).ToHashSet(StringComparer.Ordinal);

    // What another user has pushed since is not ours to remove.
    static async Task<string> LookUpAsync(RegistryStore store, DeliveredImage image, CancellationToken cancellation)
    {
        // Some proxies answer HEAD with 404 where GET has the image: what is called absent leaves the record.
        var there = await store.ResolveAsync(image.Target, cancellation)
            ?? (await store.ReadManifestAsync(image.Target, cancellation))?.Descriptor;
        return there is null ? Absent : there.Digest != image.Digest ? Different : Unused;
    }

    static async Task PruneAsync(PrunedImage image, AttachedTags attached, Removal removal, bool removes, CancellationToken cancellation)
    {
        var belonging = await attached.FindAsync(image.Image.Target, image.Image.Digest, cancellation);
        image.Tags = [.. belonging.Select(tag => tag.Tag!)];
        if (!removes)
            return;
        if (await removal.FindDoubtAsync(image.Image, cancellation) is { } doubt)
        {
            image.Status = Unknown;
            image.Error = doubt;
            return;
        }

        foreach (var tag in belonging)
            await removal.RemoveAsync(tag, cancellation);
        await removal.RemoveAsync(image.Image, cancellation);
        image.Status = Removed;
    }

    static string Summary(ArchiveRun run, JObject counts, bool removes)
    {
        var kept = string.Create(CultureInfo.InvariantCulture, $"{(int)counts["kept"]!} stay");
        var others = new StringBuilder();
        foreach (var (status, text) in new[] { (Different, "left, since their tags name other images now"), (Absent, "gone before"),
            (Unknown, "unknown: see images") })
        {
            if ((int)counts[status]! > 0)
                others.Append(CultureInfo.InvariantCulture, $", {(int)counts[status]!} {text}");
        }

        if (!removes)
            return $"{Wording.Images((int)counts[Unused]!)} that no given archive lists, {kept}{others}: set remove=true to remove what "
                + "images shows";
        return $"{(run.Context.CheckMode ? "would remove " : "removed ")}{Wording.Images((int)counts[Removed]!)}, {kept}{others}, "
            + $"{Wording.Duration(run.Elapsed)}";
    }
}

/// <summary>One image of the record that no archive lists, and what became of it.</summary>
sealed class PrunedImage(DeliveredImage image)
{
    public DeliveredImage Image => image;

    /// <summary>Null until it was looked up.</summary>
    public string? Status { get; set; }

    /// <summary>Of its signatures and other referrers.</summary>
    public IReadOnlyList<string> Tags { get; set; } = [];

    /// <summary>Why it was not removed, or may not be.</summary>
    public ModuleException? Error { get; set; }

    public JObject Describe()
    {
        var json = new JObject
        {
            ["ref"] = image.Source.ToString(),
            ["target"] = image.Target.ToString(),
            ["digest"] = image.Digest.ToString(),
            ["status"] = Status,
        };
        if (Tags.Count > 0)
            json["tags"] = new JArray(Tags);
        if (Error is not null)
            json["error"] = ResultParts.Error(Error);
        return json;
    }
}
