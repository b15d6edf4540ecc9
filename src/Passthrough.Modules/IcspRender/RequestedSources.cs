using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;

namespace Passthrough.Modules.IcspRender;

/// <summary>Reads from the parameters what is to be redirected.</summary>
static class RequestedSources
{
    /// <summary>The priorities of registries; what is in addition is redirected always.</summary>
    public static readonly ImmutableArray<string> Priorities = [.. MirrorSource.Priorities.Where(priority => priority != MirrorSource.Extra)];

    /// <summary>An entry of <c>registries</c> or <c>extra_mirrors</c>; plain text is its source.</summary>
    public static readonly ImmutableArray<Argument> Options =
    [
        new("source") { Required = true },
        new("description"),
        new("priority") { Choices = Priorities },
        new("mirrors", ArgumentType.List),
        new("mirror_source_policy") { Choices = [nameof(MirrorSourcePolicy.AllowContactingSource), nameof(MirrorSourcePolicy.NeverContactSource)] },
        new("enabled", ArgumentType.Flag) { Default = true },
    ];

    /// <exception cref="ModuleException">An entry is neither text nor an object, or nothing is left to redirect.</exception>
    public static IReadOnlyList<MirrorRequest> Read(ModuleArguments arguments)
    {
        var priorities = arguments.List("registry_priorities");
        var registries = arguments.IsSet("registries")
            ? [.. Read(arguments, "registries").Select(request => request with { Priority = request.Priority ?? Known(request.Source)?.Priority ?? "medium" })]
            : DefaultRegistries.All.Select(registry => new MirrorRequest("the default registries", registry.Source) { Priority = registry.Priority }).ToList();
        List<MirrorRequest> requests = [.. registries.Where(request => priorities.Contains(request.Priority!)), .. Read(arguments, "extra_mirrors")];
        return requests.Count > 0
            ? requests
            : throw new ModuleException(ErrorCodes.InvalidArgument, "nothing is left to redirect: no entry of registries is enabled and of registry_priorities, and extra_mirrors is empty", "leave registries out for the ten of the guide");
    }

    static IEnumerable<MirrorRequest> Read(ModuleArguments arguments, string parameter)
    {
        var items = arguments.Items(parameter);
        for (var index = 0; index < items.Count; index++)
        {
            var origin = $"{parameter}[{index}]";
            if (items[index] is JValue { Type: JTokenType.String } text)
                yield return new MirrorRequest(origin, (string)text!);
            else if (items[index] is not JObject entry)
                throw new ModuleException(ErrorCodes.InvalidArgument, $"{origin} is neither a name nor an object", "write it like quay.io, or like {source: quay.io, priority: high}");
            else if ((bool)entry["enabled"]!)
                yield return Request(origin, entry);
        }
    }

    static MirrorRequest Request(string origin, JObject entry) => new(origin, (string)entry["source"]!)
    {
        Description = (string?)entry["description"],
        Priority = (string?)entry["priority"],
        Mirrors = entry["mirrors"] is JArray mirrors ? [.. mirrors.Select(mirror => (string)mirror!)] : [],
        Policy = (string?)entry["mirror_source_policy"] is { } policy ? Enum.Parse<MirrorSourcePolicy>(policy) : null,
    };

    static UpstreamRegistry? Known(string source) => DefaultRegistries.All.FirstOrDefault(registry => registry.Source == source);
}
