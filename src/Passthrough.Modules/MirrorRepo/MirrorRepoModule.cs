using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.MirrorRepo;

/// <summary>
/// <c>mirror_repo</c>: the place that holds <c>&lt;registry&gt;/mirror/&lt;upstream-registry&gt;/&lt;image-path&gt;:&lt;tag&gt;</c>, and where in it each upstream is.
/// The documentation for users is <c>modules/mirror_repo.yml</c>; what is done on the registry is <see cref="NamespaceRun"/>.
/// </summary>
sealed class MirrorRepoModule : IAnsibleModule
{
    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "mirror_repo",
        Arguments =
        [
            new("state") { Choices = ["present", "absent"], Default = "present" },
            new("namespace") { Default = MirrorNaming.DefaultNamespace },
            new("upstreams", ArgumentType.List) { Default = DefaultRegistries.Sources.ToArray() },
            new("repositories", ArgumentType.List),
            new("mirror_path_template") { Default = MirrorNaming.DefaultTemplate },
            new("visibility") { Choices = ["private", "public"] },
            new("quota", ArgumentType.Bytes),
            new("immutable_tags", ArgumentType.Flag),
            new("description"),
            new("grant_to", ArgumentType.List),
            new("force", ArgumentType.Flag) { Default = false },
            .. RegistryConnection.Arguments,
        ],
    };

    public async Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var (connection, arguments) = (await RegistryConnection.FromAsync(context, cancellation), context.Arguments);
        var traits = connection.Product.Traits;
        var naming = new MirrorNaming(connection.Endpoint, arguments.RequiredText("namespace"), arguments.RequiredText("mirror_path_template"), traits);
        var repositories = arguments.List("repositories").Select(Reference.Parse).ToList();
        naming.Targets(repositories);
        CheckDepth(repositories.Select(naming.Target), traits);
        var map = naming.Scopes(arguments.List("upstreams")).Concat(repositories.Select(repository => KeyValuePair.Create(repository.Name, naming.Target(repository).Name)).Distinct());

        var run = new NamespaceRun(context, connection, naming);
        var (place, diffs) = arguments.Text("state") == "absent" ? await run.RemoveAsync(cancellation)
            : await run.SetUpAsync(repositories, cancellation);
        return new ModuleResult
        {
            Changed = place.IsChanged,
            Message = place.Sentence,
            Diffs = diffs,
            Data = new JObject
            {
                ["namespace"] = place.ToJson(),
                ["mirror_map"] = new JArray(map.Select(pair => new JObject { ["source"] = pair.Key, ["mirror"] = pair.Value })),
                ["limits"] = new JObject
                {
                    ["max_name_length"] = traits.MaxNameLength,
                    ["max_path_components"] = traits.MaxPathComponents,
                    ["max_manifest_bytes"] = traits.MaxManifestBytes,
                },
            },
        };
    }

    static void CheckDepth(IEnumerable<Reference> targets, RegistryTraits traits)
    {
        if (traits.MaxPathComponents is { } most && targets.FirstOrDefault(target => target.Repository.Count('/') >= most) is { } deep)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{deep.Name} has {deep.Repository.Count('/') + 1} path components, and this registry takes {most}", "shorten mirror_path_template") { Image = deep.ToString() };
    }
}
