using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// Images whose digest is not a sha256: most registries take them and keep only the sha256 of their bytes. Whether this one does is asked,
/// not guessed.
/// </summary>
static class OtherAlgorithms
{
    const string Usual = "sha256";

    public static async Task WarnAsync(ArchiveRun run, IImageStore registry, CopyReport report, CancellationToken cancellation)
    {
        foreach (var outcome in report.Outcomes)
        {
            if (outcome.Item.Root.Digest is not { Algorithm: not Usual } digest
                || outcome.Status is CopyStatus.Failed or CopyStatus.Skipped or CopyStatus.Incomplete)
                continue;
            if (run.Context.CheckMode && outcome.Status != CopyStatus.Present)
                continue;
            if (await registry.ResolveAsync(outcome.Item.Target.WithDigest(digest), cancellation) is null)
                run.Context.Warnings
                    .Add($"{outcome.Item.Target} is delivered, but the registry does not keep its digest {digest}: pulls by that digest "
                        + "will not find it");
        }
    }
}
