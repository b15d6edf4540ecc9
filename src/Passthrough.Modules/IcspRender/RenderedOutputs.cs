using System.Collections.Immutable;
using System.Text;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.IcspRender;

/// <summary>The files of one run, by the names that workflows know (interface.md, "Files written").</summary>
sealed class RenderedOutputs
{
    const string Manifests = "manifests";
    const string Script = "script";
    const string MetadataOutput = "metadata";
    const string RegistriesConf = "registries_conf";

    const string TrustedCaOutput = "trusted_ca";

    public static readonly ImmutableArray<string> All = [Manifests, Script, MetadataOutput, RegistriesConf, TrustedCaOutput];

    public static readonly ImmutableArray<string> Default = [Manifests, Script, MetadataOutput, RegistriesConf];

    readonly ModuleContext context;
    readonly RegistryEndpoint registry;
    readonly MirrorPlan plan;
    readonly MirrorSourcePolicy policy;
    readonly IReadOnlyList<string> outputs;
    readonly ImmutableArray<MirrorResource> kinds;
    readonly string name;
    readonly string filenameHost;

    public RenderedOutputs(ModuleContext context, RegistryEndpoint registry, MirrorPlan plan, MirrorSourcePolicy policy)
    {
        this.context = context;
        this.registry = registry;
        this.plan = plan;
        this.policy = policy;
        var arguments = context.Arguments;
        outputs = arguments.List("outputs");
        kinds = [.. MirrorResource.All.Where(resource => arguments.List("kinds").Contains(resource.ShortName))];
        RegistryType = arguments.RequiredText("registry_type");
        name = ObjectName.Check(arguments.Text("name") is { Length: > 0 } given ? given : $"registry-passthrough-{RegistryType}");
        filenameHost = FileName(arguments.Text("filename_host") is { Length: > 0 } host ? host : Environment.MachineName);
    }

    public string RegistryType { get; }

    /// <summary>What the metadata file says; null where it is not wanted.</summary>
    public MirrorMetadata? Metadata => !outputs.Contains(MetadataOutput) ? null : new MirrorMetadata
    {
        Name = name,
        RegistryType = RegistryType,
        Registry = registry.Authority,
        MirrorPathTemplate = context.Arguments.RequiredText("mirror_path_template"),
        Policy = policy,
        Kinds = [.. kinds.Select(resource => resource.Kind)],
        Plan = plan,
        Template = outputs.Contains(Manifests) && kinds is [var first, ..] ? Path.Combine(context.Arguments.RequiredText("dest_dir"), ManifestName(first)) : null,
        Files = [],
        Warnings = [.. context.Warnings],
    };

    public IEnumerable<RenderedFile> Render()
    {
        var labels = ObjectName.Labels(context.Arguments.Dictionary("labels"));
        var annotations = ObjectName.Annotations(context.Arguments.Dictionary("annotations"));
        if (outputs.Contains(Manifests))
        {
            foreach (var resource in kinds)
                yield return new RenderedFile(ManifestName(resource), resource.ShortName, MirrorSetManifest.Render(plan.Set(resource.Kind, name), labels, annotations));
        }

        if (outputs.Contains(Script))
        {
            var script = new ApplyScript { Name = name, RegistryType = RegistryType, Registry = registry.Authority, Files = kinds.ToDictionary(resource => resource.ShortName, ManifestName, StringComparer.Ordinal) };
            yield return new RenderedFile($"apply-icsp-{RegistryType}.sh", Script, script.Render()) { Mode = FileSettings.Executable };
        }

        if (outputs.Contains(RegistriesConf))
            yield return new RenderedFile($"registries-{RegistryType}.conf", RegistriesConf, RegistriesConfDropIn.Render(plan.Sources, IsInsecure));
        if (outputs.Contains(TrustedCaOutput))
            yield return new RenderedFile("registry-ca-configmap.yml", TrustedCaOutput, TrustedCa.Render(registry.Authority, Certificates()));
    }

    string Certificates()
    {
        var path = context.Arguments.Text("registry_ca_file") ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"outputs has {TrustedCaOutput}, and registry_ca_file is missing", "name the PEM file with the authority of the registry's certificate");
        var pem = AtomicFile.Read(path) ?? throw new ModuleException(ErrorCodes.File, $"registry_ca_file {path} does not exist on this host", "give the path of a PEM file on the host that runs the module");
        return TrustedCa.Certificates(path, Encoding.UTF8.GetString(pem.Span));
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
