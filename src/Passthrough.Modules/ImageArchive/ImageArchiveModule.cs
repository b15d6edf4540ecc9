using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// <c>image_archive</c>: images from upstream registries into one archive, from there into the local registry with their digests unchanged, and the proof of both.
/// The documentation for users is <c>modules/image_archive.yml</c>; each state has a file of its own.
/// </summary>
sealed class ImageArchiveModule : IAnsibleModule
{
    const string Saved = "saved";
    const string Loaded = "loaded";
    const string Inspected = "inspected";
    const string Verified = "verified";
    const string Pruned = "pruned";

    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "image_archive",
        Arguments =
        [
            new("state") { Choices = [Saved, Loaded, Inspected, Verified, Pruned], Required = true },
            new("path", ArgumentType.List) { Elements = ArgumentType.Path, Aliases = ["src", "dest"] },
            new("images", ArgumentType.List)
            {
                Elements = ArgumentType.Raw,
                Options = [new("ref") { Required = true }, new("platforms", ArgumentType.List), new("expand") { Choices = ["release"] }],
            },
            new("images_file", ArgumentType.Path),
            new("platforms", ArgumentType.List),
            new("include_referrers", ArgumentType.Flag),
            new("on_partial") { Choices = ["refuse", "child"], Default = "refuse" },
            new("pull_from", ArgumentType.Dictionary),
            new("part_size", ArgumentType.Bytes),
            new("base", ArgumentType.List) { Elements = ArgumentType.Path },
            new("force", ArgumentType.Flag),
            new("only", ArgumentType.List),
            new("exclude", ArgumentType.List),
            new("references", ArgumentType.Dictionary),
            new("registry_map", ArgumentType.Dictionary),
            new("allow_missing_parts", ArgumentType.Flag) { Default = false },
            new("namespace") { Default = MirrorNaming.DefaultNamespace },
            new("mirror_path_template") { Default = MirrorNaming.DefaultTemplate },
            new("concurrency", ArgumentType.Number) { Default = 4 },
            new("bandwidth_limit", ArgumentType.Bytes),
            new("on_error") { Choices = ["stop", "continue"], Default = "stop" },
            new("verify") { Choices = [.. VerifiedState.Ways.Keys] },
            new("deep", ArgumentType.Flag) { Default = false },
            new("registries_conf", ArgumentType.Path),
            new("remove", ArgumentType.Flag) { Default = false },
            new("record_path", ArgumentType.Path),
            new("signature_store") { Default = SignatureStore.Default },
            new("signatures_path", ArgumentType.Path),
            new("gap_path", ArgumentType.Path),
            new("state_path", ArgumentType.Path),
            new("progress_path", ArgumentType.Path),
            new("log_path", ArgumentType.Path),
            .. RegistryConnection.OptionalArguments,
        ],
        RequiredIf =
        [
            new("state", Saved, ["path"]),
            new("state", Saved, ["images", "images_file"], Any: true),
            new("state", Loaded, ["path", "registry_host"]),
            new("state", Inspected, ["path", "registry_host"], Any: true),
            new("state", Pruned, ["path", "registry_host", "record_path"]),
            new("state", Verified, ["path", "registry_host"], Any: true),
            new("verify", "archive", ["path"]),
            new("verify", "registry", ["registry_host"]),
            new("verify", "both", ["path", "registry_host"]),
            new("verify", VerifiedState.Redirection, ["registry_host", "registries_conf"]),
        ],
    };

    /// <summary>Parameters that have a meaning in some states only.</summary>
    static readonly (string Parameter, string[] States)[] Meanings =
    [
        ("images", [Saved, Inspected, Verified]),
        ("images_file", [Saved, Inspected, Verified]),
        ("platforms", [Saved]),
        ("include_referrers", [Saved, Loaded, Verified]),
        ("pull_from", [Saved]),
        ("part_size", [Saved]),
        ("bandwidth_limit", [Saved, Loaded]),
        ("base", [Saved]),
        ("force", [Saved]),
        ("references", [Loaded, Inspected, Verified]),
        ("registry_map", [Loaded, Inspected, Verified]),
        ("verify", [Verified]),
        ("registries_conf", [Verified]),
        ("record_path", [Loaded, Inspected, Verified, Pruned]),
        ("signatures_path", [Loaded]),
        ("gap_path", [Inspected]),
        ("state_path", [Inspected]),
    ];

    public async Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var state = context.Arguments.RequiredText("state");
        foreach (var (parameter, states) in Meanings)
        {
            if (context.Arguments.IsSet(parameter) && !states.Contains(state))
                context.Warnings.Add($"{parameter} has no meaning with state={state}, only with {string.Join(" and ", states)}");
        }

        var run = new ArchiveRun(context);
        // What is written when the work is done is looked at before.
        string[] results = state switch
        {
            Loaded or Pruned => ["record_path"],
            Inspected => ["gap_path", "state_path"],
            _ => [],
        };
        foreach (var path in results.Select(context.Arguments.Text).OfType<string>())
            AtomicFile.Check(path);

        var (progressPath, logPath) = (context.Arguments.Text("progress_path"), context.Arguments.Text("log_path"));
        // Check mode writes nothing, anywhere.
        if (context.CheckMode)
        {
            if (progressPath is not null)
                AtomicFile.Check(progressPath);
            if (logPath is not null)
                TransferLog.Check(logPath);
            (progressPath, logPath) = (null, null);
        }

        using var progress = progressPath is not null ? ProgressFile.Start(progressPath, context.Progress, context.Time) : null;
        using var log = logPath is not null ? TransferLog.Start(logPath, context.Progress, context.Time, context.Secrets.Mask) : null;
        var end = "failed";
        try
        {
            var result = await (state switch
            {
                Saved => SavedState.RunAsync(run, cancellation),
                Loaded => LoadedState.RunAsync(run, cancellation),
                Inspected when !run.HasArchive => InspectedRegistry.RunAsync(run, cancellation),
                Inspected => InspectedState.RunAsync(run, cancellation),
                Pruned => PrunedState.RunAsync(run, cancellation),
                _ => VerifiedState.RunAsync(run, cancellation),
            });
            run.WarnOfUnmatchedPatterns();
            if (result.Failure is null)
                end = "done";
            log?.Tell(result.Failure?.Message ?? result.Message);
            return result;
        }
        catch (Exception fault) when (run.HasArchive && OtherProcess.Holds(fault))
        {
            var busy = OtherProcess.Explain(fault, run.FirstPath);
            log?.Tell(busy.Message);
            throw busy;
        }
        catch (ModuleException fault)
        {
            log?.Tell(fault.Message);
            throw;
        }
        finally
        {
            context.Progress.Phase = end;
        }
    }
}
