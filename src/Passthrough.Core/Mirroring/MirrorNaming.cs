using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// The one rule (promise 2): where in the mirror an upstream image is, <c>registry.local:8443/mirror/quay.io/centos/centos:stream8</c>.
/// Repository creation, push, rendering and verification all ask here.
/// </summary>
public sealed class MirrorNaming
{
    public const string DefaultNamespace = "mirror";
    public const string DefaultTemplate = "{namespace}/{registry}/{path}";

    const string NamespaceVariable = "{namespace}";
    const string RegistryVariable = "{registry}";
    const string PathSuffix = "/{path}";

    static readonly string[] DockerHubNames = ["docker.io", "index.docker.io", "registry-1.docker.io"];

    readonly RegistryEndpoint registry;
    readonly string prefix;
    readonly int maxNameLength;

    /// <param name="registry">The mirror.</param>
    /// <param name="namespace">Harbor project, Quay organization, Artifactory repository key.</param>
    /// <param name="template">Ends in <c>/{path}</c>; what stands before it is the scope that redirection names.</param>
    /// <param name="traits">The mirror's limits; by default those of the specification.</param>
    /// <exception cref="ModuleException">The namespace or template cannot be part of a repository's name.</exception>
    public MirrorNaming(RegistryEndpoint registry, string @namespace = DefaultNamespace, string template = DefaultTemplate, RegistryTraits? traits = null)
    {
        this.registry = registry;
        Namespace = @namespace;
        Template = template;
        maxNameLength = (traits ?? new RegistryTraits()).MaxNameLength;
        if (!Reference.IsRepository(@namespace))
            throw Invalid($"namespace \"{@namespace}\" cannot be part of a repository's name", "use lower-case letters, digits and single . _ - between them");
        if (!template.EndsWith(PathSuffix, StringComparison.Ordinal) || template.Length == PathSuffix.Length)
            throw Invalid($"mirror_path_template \"{template}\" does not end in {PathSuffix}", $"write it like {DefaultTemplate}: redirection replaces the beginning of a name and keeps its path");
        prefix = template[..^PathSuffix.Length].Replace(NamespaceVariable, @namespace, StringComparison.Ordinal);
        if (prefix.Replace(RegistryVariable, "registry", StringComparison.Ordinal) is var sample && !Reference.IsRepository(sample))
            throw Invalid($"mirror_path_template \"{template}\" makes no repository name: {sample}", $"it may use {NamespaceVariable}, {RegistryVariable}, lower-case letters, digits and single . _ - between them");
    }

    public string Namespace { get; }

    public string Template { get; }

    /// <summary>Where an upstream image is. The tag is kept; an image known by digest alone gets the tag <c>sha256-&lt;hex&gt;.image</c>, so that no registry collects it.</summary>
    /// <exception cref="ModuleException">The name becomes longer than clients accept.</exception>
    public Reference Target(Reference upstream)
    {
        var target = new Reference(registry.Authority, $"{PrefixFor(upstream.Registry)}/{upstream.Repository}")
        {
            Tag = upstream.Tag ?? (upstream.Digest is { } digest ? $"{Referrers.TagOf(digest)}.image" : "latest"),
        };
        if (target.Name.Length > maxNameLength)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{upstream} would be {target.Name} in the mirror, which has {target.Name.Length} characters; {maxNameLength} is the most that clients accept", "shorten namespace or mirror_path_template") { Image = upstream.ToString() };
        return target;
    }

    /// <summary>The targets of several images.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.Collision"/>: two of them would be one.</exception>
    public IReadOnlyDictionary<Reference, Reference> Targets(IEnumerable<Reference> upstreams)
    {
        var targets = new Dictionary<Reference, Reference>();
        var claims = new Dictionary<string, Reference>(StringComparer.Ordinal);
        foreach (var upstream in upstreams)
        {
            targets[upstream] = Target(upstream);
            var name = targets[upstream].ToString();
            if (claims.TryGetValue(name, out var other) && Target(other) == targets[upstream] && !SameImage(other, upstream))
                throw Collision(other.ToString(), upstream.ToString(), name);
            claims[name] = upstream;
        }

        return targets;
    }

    /// <summary>What redirection names for a registry or a part of one: <c>quay.io</c> is at <c>registry.local:8443/mirror/quay.io</c>.</summary>
    /// <param name="upstream"><c>host[:port][/prefix]</c>.</param>
    /// <exception cref="ModuleException">It is no such thing.</exception>
    public string Scope(string upstream)
    {
        var slash = upstream.IndexOf('/', StringComparison.Ordinal);
        var (host, path) = slash < 0 ? (upstream, null) : (upstream[..slash], upstream[(slash + 1)..]);
        if (!Reference.IsRegistry(host) || (path is not null && !Reference.IsRepository(path)))
            throw Invalid($"\"{upstream}\" is no registry or part of one", "write it like quay.io, registry.example.com:5000 or quay.io/organization");
        return $"{registry.Authority}/{PrefixFor(host)}{(path is null ? "" : "/" + path)}";
    }

    /// <summary>The scopes of several registries.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.Collision"/>: two of them would be one.</exception>
    public IReadOnlyList<KeyValuePair<string, string>> Scopes(IEnumerable<string> upstreams)
    {
        var scopes = upstreams.Distinct(StringComparer.Ordinal).Select(upstream => KeyValuePair.Create(upstream, Scope(upstream))).ToList();
        foreach (var group in scopes.GroupBy(scope => scope.Value, StringComparer.Ordinal))
        {
            if (group.Skip(1).FirstOrDefault(other => Normalise(other.Key) != Normalise(group.First().Key)) is { Key: not null } other)
                throw Collision(group.First().Key, other.Key, group.Key);
        }

        return scopes;
    }

    // A colon cannot stand in a path, and hosts are the same in any case.
    string PrefixFor(string host) => prefix.Replace(RegistryVariable, Hub(host.ToLowerInvariant()).Replace(':', '_'), StringComparison.Ordinal);

    static string Hub(string host) => DockerHubNames.Contains(host) ? "docker.io" : host;

    static string Normalise(string upstream) =>
        upstream.IndexOf('/', StringComparison.Ordinal) is var slash && slash < 0 ? Hub(upstream.ToLowerInvariant()) : Hub(upstream[..slash].ToLowerInvariant()) + upstream[slash..];

    static bool SameImage(Reference one, Reference other) => Normalise(one.Name) == Normalise(other.Name) && one.Tag == other.Tag && (one.Tag is not null || one.Digest == other.Digest);

    static ModuleException Collision(string one, string other, string target) =>
        new(ErrorCodes.Collision, $"{one} and {other} would both be {target} in the mirror", $"use {RegistryVariable} in mirror_path_template, or leave one of them out");

    static ModuleException Invalid(string message, string hint) => new(ErrorCodes.InvalidArgument, message, hint);
}
