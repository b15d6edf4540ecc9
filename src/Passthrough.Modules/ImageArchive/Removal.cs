using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// How an image leaves a registry. Some products remove tags and leave the manifest to their own collection; others know only manifests,
/// which go with all their
/// tags. Such a manifest is left where a tag that stays needs it, also as a part of an index; the manifests below an index go with it.
/// </summary>
sealed class Removal(RegistryStore store, AttachedTags attached, ModuleContext context)
{
    readonly RegistryTraits traits = store.Traits;

    /// <summary>
    /// In check mode: why the image will not, or may not, be removed, as far as that can be asked without writing. Null where nothing is
    /// known against it.
    /// </summary>
    /// <exception cref="ModuleException">It will certainly be refused.</exception>
    public async Task<ModuleException?> FindDoubtAsync(DeliveredImage image, CancellationToken cancellation)
    {
        if (!context.CheckMode || traits.RemovesTags == true)
            return null;
        var obstacle = await FindObstacleAsync(image.Target, image.Digest, cancellation);
        if (obstacle is not null && traits.RemovesTags == false)
            throw obstacle;
        if (obstacle is null && traits.RemovesTags == false)
            await RequireRightAsync(image.Target, cancellation);
        return obstacle is null ? null : new ModuleException(obstacle.Code, $"whether {image.Target.Registry} removes a tag alone is "
            + $"known when it is tried; if not: {obstacle.Message}", obstacle.Hint, obstacle);
    }

    /// <summary>Removes the image, or in check mode says so.</summary>
    public async Task RemoveAsync(DeliveredImage image, CancellationToken cancellation)
    {
        if (!context.CheckMode)
            await RemoveAsync(image.Target, image.Digest, cancellation);
        context.Actions.Add($"remove {image.Target} ({image.Digest})");
    }

    /// <summary>Removes a tag that belongs to the image, or in check mode says so.</summary>
    public async Task RemoveAsync(Reference tag, CancellationToken cancellation)
    {
        if (!context.CheckMode && await store.ResolveAsync(tag, cancellation) is { } manifest)
            await RemoveAsync(tag, manifest.Digest, cancellation);
        context.Actions.Add($"remove {tag}");
    }

    async Task RemoveAsync(Reference target, Digest digest, CancellationToken cancellation)
    {
        if (!await TryRemoveTagAsync(target, cancellation))
        {
            if (await FindObstacleAsync(target, digest, cancellation) is { } obstacle)
                throw obstacle;
            var orphans = await attached.FindOrphansAsync(target, digest, cancellation);
            await RemoveManifestAsync(target, digest, cancellation);
            foreach (var orphan in orphans)
                await RemoveOrphanAsync(target.WithDigest(orphan), cancellation);
        }

        (await attached.TagsAsync(target, cancellation)).Remove(target.Tag!);
    }

    async Task<bool> TryRemoveTagAsync(Reference target, CancellationToken cancellation)
    {
        try
        {
            await store.RemoveTagAsync(target, cancellation);
            return true;
        }
        catch (ModuleException e) when (e.HttpStatus is 400 or 404 or 405)
        {
            return false;
        }
    }

    async Task RemoveManifestAsync(Reference target, Digest digest, CancellationToken cancellation)
    {
        try
        {
            await store.RemoveManifestAsync(target.WithDigest(digest), cancellation);
        }
        catch (ModuleException e) when (e.Code == "VIOLATE_FOREIGN_KEY_CONSTRAINT")
        {
            // Harbor, of an artifact that is part of an index. No tag that stays names that index, or it would have been found before.
            throw new ModuleException(e.Code, $"{target} cannot be removed: an index without a tag in {target.Name} contains it",
                $"delete that index in {target.Registry} first, or leave this image", e)
            { HttpStatus = e.HttpStatus };
        }
    }

    // The image is gone by then. What another index without a tag needs stays with it.
    async Task RemoveOrphanAsync(Reference orphan, CancellationToken cancellation)
    {
        try
        {
            await store.RemoveManifestAsync(orphan, cancellation);
        }
        catch (ModuleException e)
        {
            if (e.HttpStatus is not (404 or 412))
                context.Warnings.Add($"{orphan}, a part of an image that was removed, is still there: {e.Message}");
        }
    }

    async Task<ModuleException?> FindObstacleAsync(Reference target, Digest digest, CancellationToken cancellation)
    {
        if (await attached.FindUserAsync(target, digest, cancellation) is not { } user)
            return null;
        var isSame = await store.ResolveAsync(target.WithTag(user), cancellation) is { } named && named.Digest == digest;
        return new ModuleException(
            ErrorCodes.Unsupported,
            $"{target} cannot be removed alone: {target.Registry} takes only whole manifests away, and "
                + $"{(isSame ? $"the tag {user} names the same one" : $"the index {user}, which stays, contains this one")}",
            "leave it, or prune both");
    }

    // A token for deleting neither deletes nor makes anything; its claims say whether the account may.
    async Task RequireRightAsync(Reference target, CancellationToken cancellation)
    {
        if (await store.AskForClaimsAsync(target, ["delete"], cancellation) is { } claims
            && claims.ActionsFor(target.Repository) is var actions && !actions.Contains("delete") && !actions.Contains("*"))
            throw new ModuleException(ErrorCodes.Unauthorized, $"cannot remove {target}: the account may not delete in {target.Name}",
                "use an account that may, for example one that registry_auth makes with access: [pull, push, delete]");
    }
}
