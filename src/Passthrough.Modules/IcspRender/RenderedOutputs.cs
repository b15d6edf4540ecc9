using System.Collections.Immutable;
using System.Text;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.IcspRender;

/// <summary>The files of one run, by the names that workflows know (interface.md, "Files written").</summary>
sealed class RenderedOutputs
{
    const string Manifests = "manifests";
    const string Script = "script";
    const string MetadataOutput = "metadata";
    const string RegistriesConf = "registries_conf";
    const string HostsToml = "hosts_toml";

    public static readonly ImmutableArray<string> Default = [Manifests, Script, MetadataOutput, RegistriesConf];

    public static readonly ImmutableArray<string> All = [.. Default, HostsToml, .. DayZeroOutputs.All];

    readonly ModuleContext context;
    readonly RegistryEndpoint registry;
    readonly MirrorPlan plan;
    readonly IReadOnlyList<string> outputs;
    readonly ImmutableArray<MirrorResource> kinds;
    readonly DayZeroOutputs dayZero;
    readonly int maxObjectSize;
    readonly string name;
    readonly string filenameHost;

    public RenderedOutputs(ModuleContext context, RegistryEndpoint registry, MirrorNaming naming, MirrorPlan plan, OpenShiftVersion? version)
    {
        this.context = context;
        this.registry = registry;
        this.plan = plan;
        var arguments = context.Arguments;
        outputs = arguments.List("outputs");
        kinds = RenderedKinds.Of(arguments, version);
        RegistryType = arguments.RequiredText("registry_type");
        name = ObjectName.Check(arguments.Text("name") is { Length: > 0 } given ? given : $"registry-passthrough-{RegistryType}");
        filenameHost = FileName(arguments.Text("filename_host") is { Length: > 0 } host ? host : Environment.MachineName);
        maxObjectSize = arguments.Number("max_object_size")!.Value;
        if (maxObjectSize < 0)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"max_object_size {maxObjectSize} is less than 0", "give a number of bytes, or 0 for objects of any size");
        dayZero = new DayZeroOutputs(context, registry, naming, plan, version);
    }

    public string RegistryType { get; }

    /// <summary>Bytes; 0 before <see cref="Render"/>.</summary>
    public int LargestObject { get; private set; }

    /// <summary>What a cluster gets from the apply script.</summary>
    public ImmutableArray<MirrorSet> Applied => [.. RenderedKinds.Applied(kinds).Select(resource => plan.Set(resource.Kind, name))];

    /// <summary>What the metadata file says; null where it is not wanted.</summary>
    public MirrorMetadata? Metadata(MirrorSourcePolicy policy, IReadOnlyList<RenderedFile> files) => !outputs.Contains(MetadataOutput) ? null : new MirrorMetadata
    {
        Name = name,
        RegistryType = RegistryType,
        Registry = registry.Authority,
        MirrorPathTemplate = context.Arguments.RequiredText("mirror_path_template"),
        Policy = policy,
        Kinds = [.. kinds.Select(resource => resource.Kind)],
        Plan = plan,
        Template = outputs.Contains(Manifests) ? Path.Combine(context.Arguments.RequiredText("dest_dir"), ManifestName(kinds[0])) : null,
        Files = files,
        Warnings = [.. context.Warnings],
    };

    public IEnumerable<RenderedFile> Render()
    {
        var others = dayZero.Render(ManifestName(kinds.FirstOrDefault(resource => resource.ShortName == "idms") ?? kinds[0])).ToList();
        if (outputs.Contains(Manifests))
        {
            var labels = ObjectName.Labels(context.Arguments.Dictionary("labels"));
            var annotations = ObjectName.Annotations(context.Arguments.Dictionary("annotations"));
            foreach (var resource in kinds)
            {
                var manifest = new RenderedFile(ManifestName(resource), resource.ShortName, RenderManifest(resource, labels, annotations));
                yield return manifest;
                // What the installer applies while it makes the cluster, of the kinds that such a cluster is to have.
                if (outputs.Contains(DayZeroOutputs.InstallConfig) && RenderedKinds.Applied(kinds).Contains(resource))
                    yield return manifest with { Name = $"openshift/99-{name}-{resource.ShortName}.yml", Kind = DayZeroOutputs.InstallConfig };
            }
        }

        if (outputs.Contains(Script))
            yield return new RenderedFile($"apply-icsp-{RegistryType}.sh", Script, RenderScript(others)) { Mode = FileSettings.Executable };
        if (outputs.Contains(RegistriesConf))
            yield return new RenderedFile($"registries-{RegistryType}.conf", RegistriesConf, RegistriesConfDropIn.Render(plan.Sources, IsInsecure));
        foreach (var file in outputs.Contains(HostsToml) ? RenderHostsToml() : [])
            yield return file;
        foreach (var file in others)
            yield return file;
    }

    // One file for all parts of a kind, so that none is left when there are fewer.
    string RenderManifest(MirrorResource resource, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations)
    {
        var text = new StringBuilder();
        foreach (var part in MirrorSetManifest.Split(plan.Set(resource.Kind, name), labels, annotations, maxObjectSize))
        {
            ObjectName.Check(part.Name);
            var document = MirrorSetManifest.Render(part, labels, annotations);
            var size = Encoding.UTF8.GetByteCount(document);
            LargestObject = Math.Max(LargestObject, size);
            if (maxObjectSize > 0 && size > maxObjectSize)
                context.Warnings.Add($"{part.Kind} {part.Name} has {size} bytes, for the entry of {part.Entries[0].Source} alone is larger than max_object_size: by hand it may need oc apply --server-side");
            text.Append(document);
        }

        return text.ToString();
    }

    string RenderScript(IEnumerable<RenderedFile> others) => new ApplyScript
    {
        Name = name,
        RegistryType = RegistryType,
        Registry = registry.Authority,
        Files = kinds.Select(resource => KeyValuePair.Create(resource.ShortName, ManifestName(resource)))
            .Concat(others.Select(file => KeyValuePair.Create(file.Kind, file.Name)))
            .ToDictionary(StringComparer.Ordinal),
        PullSecretBase = dayZero.PullSecretBase,
    }.Render();

    IEnumerable<RenderedFile> RenderHostsToml()
    {
        var certificates = dayZero.Certificates();
        var caFile = certificates is null ? null : $"{registry.Authority.Replace(':', '-')}-ca.crt";
        if (certificates is not null)
            yield return new RenderedFile($"certs.d/{caFile}", HostsToml, certificates);
        foreach (var source in plan.Sources)
        {
            if (ContainerdHostsFile.CanRedirect(source.Source))
                yield return new RenderedFile($"certs.d/{source.Source}/hosts.toml", HostsToml, ContainerdHostsFile.Render(source, registry, !context.Arguments.Flag("validate_certs"), caFile));
            else if (HostsWithoutImages.Explain(source.Source) is null)
                context.Warnings.Add($"containerd redirects whole hosts only: there is no hosts.toml for {source.Source}");
        }
    }

    string ManifestName(MirrorResource resource) => $"{resource.ShortName}-{RegistryType}-{filenameHost}.yml";

    // Of other hosts' mirrors nothing is known.
    bool IsInsecure(string mirror) =>
        (registry.Scheme == "http" || !context.Arguments.Flag("validate_certs")) && MirrorName.AuthorityOf(mirror) == registry.Authority;

    static string FileName(string host) =>
        host.All(c => char.IsAsciiLetterOrDigit(c) || "._:%+-".Contains(c)) && host[0] != '.' && host.Length <= 200
            ? host
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"filename_host \"{host}\" cannot be part of a file's name", "use letters, digits and . _ - as in a host name");
}
