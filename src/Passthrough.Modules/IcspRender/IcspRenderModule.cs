using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
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
    static readonly string[] Shared = ["registry_type", "registry_host", "registry_port", "scheme", "validate_certs"];

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
            new("kinds", ArgumentType.List) { Choices = [.. MirrorResource.All.Select(resource => resource.ShortName)], Default = MirrorResource.All.Select(resource => resource.ShortName).ToArray() },
            new("mirror_source_policy") { Choices = [.. Policies], Default = Policies[0] },
            new("mirror_path_template") { Default = MirrorNaming.DefaultTemplate },
            new("outputs", ArgumentType.List) { Choices = RenderedOutputs.All, Default = RenderedOutputs.Default.ToArray() },
            new("registry_ca_file", ArgumentType.Path) { Aliases = ["ca_path"] },
            new("labels", ArgumentType.Dictionary),
            new("annotations", ArgumentType.Dictionary),
            new("filename_host"),
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
        var policy = Enum.Parse<MirrorSourcePolicy>(arguments.RequiredText("mirror_source_policy"));
        var plan = MirrorPlan.Make(RequestedSources.Read(arguments), new MirrorNaming(registry, template: arguments.RequiredText("mirror_path_template")), policy);
        foreach (var warning in plan.Warnings)
            context.Warnings.Add(warning);

        var outputs = new RenderedOutputs(context, registry, plan, policy);
        var files = new OutputFiles(context);
        foreach (var file in outputs.Render())
            files.Add(file);
        if (outputs.Metadata is { } metadata)
            files.AddMetadata($"icsp-{outputs.RegistryType}-metadata.json", metadata with { Files = files.Rendered });
        files.Write();

        var silent = plan.Sources.Where(source => HostsWithoutImages.Explain(source.Source) is not null).Select(source => source.Source).ToList();
        return Task.FromResult(new ModuleResult
        {
            Changed = files.Changed,
            Message = $"{Count(plan.Sources)} redirected to {registry.Authority}; {files.Summary}{(silent.Count == 0 ? "" : $". {string.Join(", ", silent)} serve no images: the notes of sources say what they are")}",
            Diffs = files.Diffs,
            Data = new JObject
            {
                ["files"] = files.Data,
                ["sources"] = new JArray(plan.Sources.Select(MirrorMetadata.Mirror)),
            },
        });
    }

    static string Count(ImmutableArray<MirrorSource> sources) => sources.Length == 1 ? $"{sources[0].Source} is" : $"{sources.Length} sources are";
}
