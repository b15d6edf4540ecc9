using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.IcspRender;

/// <summary>What a cluster needs beside the redirection, some of it before it exists: trust, credentials, parts of its configuration.</summary>
sealed class DayZeroOutputs(ModuleContext context, RegistryEndpoint registry, MirrorNaming naming, MirrorPlan plan, OpenShiftVersion? version)
{
    public const string InstallConfig = "install_config";
    const string TrustedCaOutput = "trusted_ca";
    const string PullSecret = "pull_secret";
    const string HyperShift = "hypershift";

    public static readonly ImmutableArray<string> All = [InstallConfig, TrustedCaOutput, PullSecret, HyperShift];

    /// <summary>The SHA-256 of the pull secret that ours was made from; null before <see cref="Render"/>, and where there is none.</summary>
    public string? PullSecretBase { get; private set; }

    /// <param name="manifest">The name of the object that <c>oc adm release</c> reads.</param>
    public IEnumerable<RenderedFile> Render(string manifest)
    {
        var outputs = context.Arguments.List("outputs");
        if (outputs.Contains(InstallConfig))
            yield return new RenderedFile("install-config-mirrors.yml", InstallConfig, ReleaseMirrors.InstallConfig(plan, naming, version?.HasImageDigestSources != false, Certificates(), manifest));
        if (outputs.Contains(TrustedCaOutput))
            yield return new RenderedFile("registry-ca-configmap.yml", TrustedCaOutput, TrustedCa.Render(registry.Authority, Certificates() ?? throw Missing(TrustedCaOutput, "registry_ca_file", "name the PEM file with the authority of the registry's certificate")));
        if (outputs.Contains(PullSecret))
            yield return new RenderedFile($"pull-secret-{context.Arguments.Text("registry_type")}.json", PullSecret, MergePullSecret()) { Mode = FileSettings.Secret };
        if (outputs.Contains(HyperShift))
            yield return new RenderedFile("hostedcluster-mirrors.yml", HyperShift, RenderHyperShift());
    }

    /// <summary>The certificates of <c>registry_ca_file</c>; null where it is not given.</summary>
    public string? Certificates()
    {
        if (context.Arguments.Text("registry_ca_file") is not { Length: > 0 } path)
            return null;
        var pem = AtomicFile.Read(path) ?? throw new ModuleException(ErrorCodes.File, $"registry_ca_file {path} does not exist on this host", "give the path of a PEM file on the host that runs the module");
        return TrustedCa.Certificates(path, Encoding.UTF8.GetString(pem.Span));
    }

    // A secret that replaces the cluster's must hold all that the cluster's holds.
    ReadOnlyMemory<byte> MergePullSecret()
    {
        const string Saved = "save the cluster's: oc get secret/pull-secret -n openshift-config --template='{{index .data \".dockerconfigjson\" | base64decode}}'";
        var path = context.Arguments.Text("pull_secret_path") is { Length: > 0 } given ? given : throw Missing(PullSecret, "pull_secret_path", Saved);
        var before = AtomicFile.Read(path) ?? throw new ModuleException(ErrorCodes.File, $"pull_secret_path {path} does not exist on this host", Saved);
        var credential = RegistryConnection.CredentialsFor(registry, context).Find(registry.Authority, naming.Namespace);
        if (credential is not { Username: not null, Password: not null })
            throw new ModuleException(ErrorCodes.InvalidArgument, $"outputs has {PullSecret}, and neither the parameters nor an auth file have a user name and a password for {registry.Authority}", "give authfile, best with an account that may only pull: registry_auth with access: [pull] writes one");
        PullSecretBase = Convert.ToHexStringLower(SHA256.HashData(before.Span.TrimEnd((byte)'\n')));
        return AuthFileWriter.Merge(path, before, registry.Authority, credential, context.Warnings.Add);
    }

    string RenderHyperShift()
    {
        foreach (var source in plan.Sources.Where(source => MirrorName.IsWildcard(source.Source)))
            context.Warnings.Add($"a HostedCluster takes no wildcard: {source.Source} is left out of it");
        return ReleaseMirrors.HostedCluster(plan, naming);
    }

    static ModuleException Missing(string output, string parameter, string hint) => new(ErrorCodes.InvalidArgument, $"outputs has {output}, and {parameter} is missing", hint);
}
