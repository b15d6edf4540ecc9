using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// The record of what a registry has, as this run leaves it. It is read again right before it is written, since another run may have added
/// to it meanwhile.
/// </summary>
/// <param name="path">The file; null where none is kept.</param>
/// <param name="registry">Whose it is.</param>
/// <param name="checkMode">Predict.</param>
sealed class Recording(string? path, string registry, bool checkMode)
{
    DeliveredImages? before;
    DeliveredImages? after;

    /// <summary>What became of the file; null where none is kept, or it was not written.</summary>
    public FileChange? Change { get; private set; }

    /// <summary>What differs; null where nothing does.</summary>
    public ResultDiff? Diff =>
        Change is { Changed: true } ? new ResultDiff(path!, Change.Before is null ? "" : before!.Render(), after!.Render()) : null;

    /// <summary>As results have it.</summary>
    public JObject? Describe() => Change is null ? null : new JObject { ["path"] = Change.Path, ["changed"] = Change.Changed };

    /// <exception cref="Passthrough.Core.ModuleException">It is another registry's, or cannot be read or written.</exception>
    public void Write(IEnumerable<DeliveredImage> delivered) => Write(record => record.With(delivered));

    /// <exception cref="Passthrough.Core.ModuleException">It is another registry's, or cannot be read or written.</exception>
    public void Write(Func<DeliveredImages, DeliveredImages> change)
    {
        if (path is null)
            return;
        before = DeliveredImages.Of(registry, path);
        after = change(before);
        Change = after.Write(path, checkMode);
    }
}
