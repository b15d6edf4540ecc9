using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.MirrorRepo;

/// <summary>
/// <c>mirror_repo</c>: the place that holds <c>&lt;registry&gt;/mirror/&lt;upstream-registry&gt;/&lt;image-path&gt;:&lt;tag&gt;</c>, and where in it each upstream is.
/// The documentation for users is <c>modules/mirror_repo.yml</c>.
/// </summary>
sealed class MirrorRepoModule : IAnsibleModule
{
    const string Absent = "absent";

    /// <summary>The one repository that is asked whether it can be written to.</summary>
    const string ProbeRepository = "passthrough-probe";

    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "mirror_repo",
        Arguments =
        [
            new("state") { Choices = ["present", Absent], Default = "present" },
            new("namespace") { Default = MirrorNaming.DefaultNamespace },
            new("upstreams", ArgumentType.List) { Default = DefaultRegistries.Sources.ToArray() },
            new("repositories", ArgumentType.List),
            new("mirror_path_template") { Default = MirrorNaming.DefaultTemplate },
            .. RegistryConnection.Arguments,
        ],
    };

    public async Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var connection = RegistryConnection.From(context);
        var traits = connection.Product.Traits;
        var naming = new MirrorNaming(connection.Endpoint, context.Arguments.RequiredText("namespace"), context.Arguments.RequiredText("mirror_path_template"), traits);
        var map = Map(context.Arguments, naming);
        var probe = new Reference(connection.Endpoint.Authority, $"{naming.Namespace}/{ProbeRepository}");
        var credential = connection.Credentials.Find(connection.Endpoint.Authority, probe.Repository);
        using var administration = connection.OpenAdmin(credential);
        var admin = await connection.Product.AdminAsync(administration, cancellation);

        await admin.HealthAsync(cancellation);
        if ((await admin.CheckSecretAsync(credential, probe, cancellation)).Refusal is { } refusal)
            throw refusal;
        var exists = (await admin.ReadNamespaceAsync(new NamespaceWish(naming.Namespace), cancellation)).Exists;
        if (context.Arguments.Text("state") == Absent)
            return exists == false
                ? Result($"{connection.Endpoint.Authority} has no repository below {naming.Namespace}", exists, isWritable: null)
                : throw new ModuleException(
                    ErrorCodes.Unsupported,
                    $"state absent: {connection.Product.Title} has no namespaces, {naming.Namespace} is only how the names of repositories on {connection.Endpoint.Authority} begin, and there may be images below it",
                    "remove images with the registry's own tools; without images nothing is left to remove");

        // Where something was pushed, somebody could; an empty place is asked once. Check mode asks nothing that writes.
        bool? isWritable = null;
        if (exists != true && !context.CheckMode)
        {
            await admin.ProveWritableAsync(credential, probe, cancellation);
            isWritable = true;
        }

        return Result(
            $"{connection.Endpoint.Authority}/{naming.Namespace} {(exists == true ? "holds images" : isWritable == true ? "can be written to" : "is empty")}; {connection.Product.Title} makes repositories with the first push, so there is nothing to create",
            exists,
            isWritable);

        ModuleResult Result(string message, bool? holdsImages, bool? isWritable) => new()
        {
            Changed = false,
            Message = message,
            Data = new JObject
            {
                ["namespace"] = new JObject { ["name"] = naming.Namespace, ["exists"] = holdsImages, ["created"] = false, ["writable"] = isWritable },
                ["mirror_map"] = new JArray(map.Select(pair => new JObject { ["source"] = pair.Key, ["mirror"] = pair.Value })),
                ["limits"] = Limits(traits),
            },
        };
    }

    /// <summary>Where each upstream and each repository is, in the order given.</summary>
    static List<KeyValuePair<string, string>> Map(ModuleArguments arguments, MirrorNaming naming)
    {
        var repositories = arguments.List("repositories").Select(Reference.Parse).ToList();
        naming.Targets(repositories);
        return [.. naming.Scopes(arguments.List("upstreams")), .. repositories.Select(repository => KeyValuePair.Create(repository.Name, naming.Target(repository).Name)).Distinct()];
    }

    static JObject Limits(RegistryTraits traits) => new()
    {
        ["max_name_length"] = traits.MaxNameLength,
        ["max_path_components"] = traits.MaxPathComponents,
        ["max_manifest_bytes"] = traits.MaxManifestBytes,
    };
}
