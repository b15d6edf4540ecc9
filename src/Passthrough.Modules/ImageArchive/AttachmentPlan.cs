using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Archive;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>Which signatures and other referrers of an archive go where: with each of the chosen images that they are about.</summary>
sealed class AttachmentPlan
{
    readonly MirrorNaming naming;
    readonly Dictionary<string, Attachment> all = new(StringComparer.Ordinal);

    AttachmentPlan(MirrorNaming naming) => this.naming = naming;

    /// <summary>What belongs to images and where it goes.</summary>
    public static async Task<IEnumerable<CopyItem>> ItemsAsync(IArchive archive, IReadOnlyList<CopyItem> items, MirrorNaming naming, CancellationToken cancellation) =>
        (await MakeAsync(archive, items, naming, cancellation)).all.Values.Select(attachment => attachment.Item);

    public static async Task<AttachmentPlan> MakeAsync(IArchive archive, IReadOnlyList<CopyItem> items, MirrorNaming naming, CancellationToken cancellation)
    {
        var plan = new AttachmentPlan(naming);
        if (archive.Attachments.IsEmpty)
            return plan;
        var users = await FindUsersAsync(archive, items, cancellation);
        var listed = new List<Descriptor>();
        foreach (var attachment in archive.Attachments)
            listed.AddRange(await ExpandAsync(archive, attachment, cancellation));
        // One may be about another that comes later in the list.
        for (var before = -1; before != plan.all.Count;)
        {
            before = plan.all.Count;
            foreach (var attachment in listed)
                plan.Add(attachment, users);
        }

        return plan;
    }

    /// <summary>Copies them, and lists them where the registry does not do it.</summary>
    /// <returns>What became of each, also where something failed or the run was stopped.</returns>
    public async Task<AttachmentReport> CopyAsync(ArchiveRun run, LoadPlan images, IImageTarget target, CancellationToken cancellation)
    {
        if (all.Count == 0)
            return new AttachmentReport([]);
        List<Attachment> attachments = [.. all.Values];
        run.Context.Progress.Phase = "delivering signatures and other referrers";
        // They are small, and the counters are about images.
        var report = await images.CopyAsync(run, target, [.. attachments.Select(attachment => attachment.Item)], new TransferProgress(), run.ContinueOnError, cancellation);
        var lists = new Dictionary<string, List<Attachment>>(StringComparer.Ordinal);
        for (var i = 0; i < attachments.Count; i++)
        {
            attachments[i].Outcome = report.Outcomes[i];
            if (attachments[i].Tag is not null || report.Outcomes[i].Status is CopyStatus.Failed or CopyStatus.Skipped)
                continue;
            var subject = attachments[i].SubjectInTarget.ToString();
            if (!lists.TryGetValue(subject, out var list))
                lists[subject] = list = [];
            list.Add(attachments[i]);
        }

        var actions = attachments.Where(attachment => attachment.Outcome!.IsDelivered)
            .Select(attachment => $"load {attachment.Item.Source} as {attachment.Item.Target}").ToList();
        var failure = report.Outcomes.Select(outcome => outcome.Error).FirstOrDefault(error => error is not null);
        var isStopped = report.IsStopped;
        try
        {
            foreach (var list in lists.Values.Where(_ => !isStopped))
                await ListAsync(images.Contents.Archive, target, list, actions, cancellation);
        }
        catch (ModuleException e)
        {
            failure ??= e;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            isStopped = true;
        }

        return new AttachmentReport(attachments)
        {
            Actions = actions,
            IsStopped = isStopped,
            Failure = failure is null ? null : new ModuleException(failure.Code, failure.Message,
                $"{failure.Hint ?? "look into the registry's log"}; include_referrers=false leaves signatures and the like out",
                failure)
            { HttpStatus = failure.HttpStatus, Image = failure.Image, Blob = failure.Blob },
        };
    }

    static async Task ListAsync(IArchive archive, IImageTarget target, List<Attachment> list, List<string> actions,
        CancellationToken cancellation)
    {
        var manifests = new List<RawManifest>();
        foreach (var attachment in list)
        {
            if (await archive.ReadManifestAsync(attachment.Item.Source.WithDigest(attachment.Item.Root.Digest),
                cancellation) is { } manifest)
                manifests.Add(manifest);
        }

        if (await Referrers.ListAsync(target, list[0].SubjectInTarget, manifests, cancellation))
            actions.Add($"list the referrers of {list[0].SubjectInTarget}");
    }

    // Which images have a manifest.
    static async Task<Dictionary<Digest, List<CopyItem>>> FindUsersAsync(IArchive archive, IReadOnlyList<CopyItem> images, CancellationToken cancellation)
    {
        var users = new Dictionary<Digest, List<CopyItem>>();
        foreach (var item in images)
        {
            try
            {
                var tree = await ManifestTree.ReadAsync(archive, item.Source.WithDigest(item.Root.Digest), cancellation);
                foreach (var manifest in tree.Manifests)
                    Use(users, manifest.Raw.Digest, item);
            }
            catch (ModuleException)
            {
                // Its load says what is wrong with it.
            }
        }

        return users;
    }

    static void Use(Dictionary<Digest, List<CopyItem>> users, Digest digest, CopyItem item)
    {
        if (!users.TryGetValue(digest, out var items))
            users[digest] = items = [];
        if (!items.Exists(known => known.Target.Name == item.Target.Name))
            items.Add(item);
    }

    // The list of referrers that a tool keeps under a tag is not delivered as it is: the registry has its own.
    static async Task<IReadOnlyList<Descriptor>> ExpandAsync(IArchive archive, Descriptor attachment, CancellationToken cancellation)
    {
        if (SubjectOf(attachment) is not { } subject || attachment.Annotation(Annotations.RefName) != Referrers.TagOf(subject))
            return [attachment];
        try
        {
            var tree = await ManifestTree.ReadAsync(archive, new Reference("archive", "list").WithDigest(attachment.Digest), cancellation);
            // An entry counts only where it says itself what it is about.
            var about = tree.Manifests.Where(manifest => manifest.Subject?.Digest == subject).Select(manifest => manifest.Raw.Digest)
                .ToHashSet();
            return [.. tree.RootManifest.Manifests.Where(child => about.Contains(child.Digest))
                .Select(child => child with { Annotations = attachment.WithAnnotation(Annotations.RefName, null).Annotations })];
        }
        catch (ModuleException)
        {
            return [];
        }
    }

    void Add(Descriptor attachment, Dictionary<Digest, List<CopyItem>> users)
    {
        if (SubjectOf(attachment) is not { } subject || !users.TryGetValue(subject, out var items))
            return;
        var tag = attachment.Annotation(Annotations.RefName);
        foreach (var image in items.ToList())
        {
            var source = tag is null ? image.Source.WithDigest(attachment.Digest) : image.Source.WithTag(tag);
            var target = tag is null ? naming.Target(source) : image.Target.WithTag(tag);
            all.TryAdd($"{subject} {target}", new Attachment(new CopyItem(source, attachment, target), image.Target.WithDigest(subject), tag));
            Use(users, attachment.Digest, image);
        }
    }

    static Digest? SubjectOf(Descriptor attachment) => Digest.TryParse(attachment.Annotation(Annotations.ContainerdManifestSubject), out var subject) ? subject : null;
}

/// <summary>One manifest that belongs to an image.</summary>
/// <param name="Item">What is copied.</param>
/// <param name="SubjectInTarget">What it is about, in the mirror.</param>
/// <param name="Tag">Where cosign looks for it; null for a referrer.</param>
sealed record Attachment(CopyItem Item, Reference SubjectInTarget, string? Tag)
{
    public CopyOutcome? Outcome { get; set; }

    public JObject Describe(string status) => new()
    {
        ["subject"] = SubjectInTarget.ToString(),
        ["digest"] = Item.Root.Digest.ToString(),
        ["target"] = Item.Target.ToString(),
        ["status"] = status,
    };
}

/// <summary>What became of the manifests that belong to images.</summary>
sealed record AttachmentReport(IReadOnlyList<Attachment> Attachments)
{
    /// <summary>What was done or, in check mode, would be.</summary>
    public IReadOnlyList<string> Actions { get; init; } = [];

    public ModuleException? Failure { get; init; }

    /// <summary>Whether it was told to stop before the end.</summary>
    public bool IsStopped { get; init; }
}
