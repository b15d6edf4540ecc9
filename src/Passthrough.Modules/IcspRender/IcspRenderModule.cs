using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.IcspRender;

/// <summary>
/// <c>icsp_render</c>: what redirects a cluster and hosts to the mirror, as files; asks no server and no cluster.
/// The documentation for users is <c>modules/icsp_render.yml</c>.
/// </summary>
sealed class IcspRenderModule : IAnsibleModule
{
    static readonly string[] Policies = [nameof(MirrorSourcePolicy.AllowContactingSource), nameof(MirrorSourcePolicy.NeverContactSource)];

    /// <summary>Of what modules that talk to the registry share, what changes a file.</summary>
    static readonly string[] Shared = ["registry_type", "registry_host", "registry_port", "scheme", "validate_certs", "username", "password", "authfile"];

    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "icsp_render",
        Arguments =
        [
            new("dest_dir", ArgumentType.Path) { Required = true, Aliases = ["icsp_template_dir"] },
            new("name"),
            new("registries", ArgumentType.List) { Elements = ArgumentType.Raw, Aliases = ["registry_mirror_config"], Options = RequestedSources.Options },
            new("registry_priorities", ArgumentType.List) { Choices = RequestedSources.Priorities, Default = RequestedSources.Priorities.ToArray() },
            new("extra_mirrors", ArgumentType.List) { Elements = ArgumentType.Raw, Options = RequestedSources.Options },
            new("mirror_map", ArgumentType.List) { Elements = ArgumentType.Dictionary, Options = RequestedSources.MapOptions },
            new("import_files", ArgumentType.List) { Elements = ArgumentType.Path },
            new("existing_objects", ArgumentType.List) { Elements = ArgumentType.Raw },
            new("kinds", ArgumentType.List) { Choices = [.. MirrorResource.All.Select(resource => resource.ShortName)] },
            new("openshift_version"),
            new("mirror_source_policy") { Choices = [.. Policies], Default = Policies[0] },
            new("mirror_path_template") { Default = MirrorNaming.DefaultTemplate },
            new("outputs", ArgumentType.List) { Choices = RenderedOutputs.All, Default = RenderedOutputs.Default.ToArray() },
            new("registry_ca_file", ArgumentType.Path) { Aliases = ["ca_path"] },
            new("pull_secret_path", ArgumentType.Path),
            new("labels", ArgumentType.Dictionary),
            new("annotations", ArgumentType.Dictionary),
            new("filename_host"),
            new("max_object_size", ArgumentType.Number) { Default = 250_000 },
            new("backup", ArgumentType.Flag) { Default = false },
            new("owner"),
            new("group"),
            new("mode", ArgumentType.Raw),
            .. RegistryConnection.Arguments.Where(argument => Shared.Contains(argument.Name)),
        ],
    };

    public Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var arguments = context.Arguments;
        var registry = RegistryEndpoint.Parse(arguments.RequiredText("registry_host"), arguments.Number("registry_port"), arguments.RequiredText("scheme"));
        var version = arguments.Text("openshift_version") is { Length: > 0 } text ? OpenShiftVersion.Parse(text) : null;
        var policy = Enum.Parse<MirrorSourcePolicy>(arguments.RequiredText("mirror_source_policy"));
        var naming = new MirrorNaming(registry, template: arguments.RequiredText("mirror_path_template"));
        var plan = MirrorPlan.Make(RequestedSources.Read(arguments), RequestedSources.ReadMap(arguments), naming, policy);
        var existing = MirrorObjects.Read("existing_objects", RequestedSources.ReadExisting(arguments));
        var outputs = new RenderedOutputs(context, registry, naming, plan, version);

        var nodes = MachineConfigOperator.Write(outputs.Applied);
        if (nodes.Refusal is { } refusal)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"the Machine Config Operator would refuse these sources: {refusal}");
        var conflicts = ClusterConflict.Find(outputs.Applied, existing, version).ToList();
        string[] warnings = [.. plan.Warnings, .. RenderedKinds.Warnings(outputs.Applied, plan.Sources.Any(source => source.Policy == MirrorSourcePolicy.NeverContactSource)), .. conflicts.Where(conflict => conflict.IsWarning).Select(conflict => conflict.Message)];
        foreach (var warning in warnings)
            context.Warnings.Add(warning);

        var files = new OutputFiles(context);
        foreach (var file in outputs.Render())
            files.Add(file);
        ClusterLimits.RequireRoom(outputs.LargestObject, nodes);
        if (outputs.Metadata(policy, files.Rendered) is { } metadata)
            files.AddMetadata($"icsp-{outputs.RegistryType}-metadata.json", metadata);
        files.Write();

        var silent = plan.Sources.Where(source => HostsWithoutImages.Explain(source.Source) is not null).Select(source => source.Source).ToList();
        var together = MachineConfigOperator.Write([.. outputs.Applied, .. ClusterConflict.Others(outputs.Applied, existing.Sets)], existing.Registries);
        return Task.FromResult(new ModuleResult
        {
            Changed = files.Changed,
            Message = $"{Count(plan.Sources)} redirected to {registry.Authority}; {files.Summary}{(silent.Count == 0 ? "" : $". {string.Join(", ", silent)} serve no images: the notes of sources say what they are")}",
            Diffs = files.Diffs,
            Data = new JObject
            {
                ["files"] = files.Data,
                ["sources"] = new JArray(plan.Sources.Select(MirrorMetadata.Mirror)),
                ["conflicts"] = new JArray(conflicts.Select(conflict => new JObject { ["type"] = conflict.Type, ["source"] = conflict.Source, ["object"] = conflict.Object, ["message"] = conflict.Message })),
                ["registries_conf"] = together.Refusal is null ? ConfResult.Of(together, version) : null,
            },
        });
    }

    static string Count(ImmutableArray<MirrorSource> sources) => sources.Length == 1 ? $"{sources[0].Source} is" : $"{sources.Length} sources are";
}
