using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;

namespace Passthrough.Modules.IcspRender;

/// <summary>Reads from the parameters what is to be redirected.</summary>
static class RequestedSources
{
    const long MaxImportSize = 16 << 20;

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

    /// <summary>An entry of <c>mirror_map</c>, as <c>mirror_repo</c> and <c>image_archive</c> return it.</summary>
    public static readonly ImmutableArray<Argument> MapOptions = [new("source") { Required = true }, new("mirror") { Required = true }];

    /// <exception cref="ModuleException">An entry is neither text nor an object, a file cannot be read, or nothing is left to redirect.</exception>
    public static IReadOnlyList<MirrorRequest> Read(ModuleArguments arguments)
    {
        var priorities = arguments.List("registry_priorities");
        var registries = arguments.IsSet("registries")
            ? [.. Read(arguments, "registries").Select(request => request with { Priority = request.Priority ?? Known(request.Source)?.Priority ?? "medium" })]
            : DefaultRegistries.All.Select(registry => new MirrorRequest("the default registries", registry.Source) { Priority = registry.Priority }).ToList();
        List<MirrorRequest> requests = [.. registries.Where(request => priorities.Contains(request.Priority!)), .. Read(arguments, "extra_mirrors"), .. arguments.List("import_files").SelectMany(Import)];
        return requests.Count > 0 || arguments.Items("mirror_map").Count > 0
            ? requests
            : throw new ModuleException(ErrorCodes.InvalidArgument, "nothing is left to redirect: no entry of registries is enabled and of registry_priorities, and nothing is in addition", "leave registries out for the ten of the guide");
    }

    /// <summary>The entries of <c>mirror_map</c>.</summary>
    public static IReadOnlyList<MirrorRequest> ReadMap(ModuleArguments arguments) =>
        [.. arguments.Items("mirror_map").Select((entry, index) => new MirrorRequest($"mirror_map[{index}]", (string)entry["source"]!) { Mirrors = [(string)entry["mirror"]!] })];

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

    // An entry without mirrors redirects nothing, wherever it stands.
    static IEnumerable<MirrorRequest> Import(string path)
    {
        var objects = MirrorObjects.Read($"import_files {path}", Documents("import_files", path));
        if (objects.Sets.IsEmpty)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"import_files {path} has no mirror set{(objects.Others.IsEmpty ? "" : $", only {string.Join(", ", objects.Others)}")}", "name the files with ImageDigestMirrorSet, ImageTagMirrorSet or ImageContentSourcePolicy, such as oc-mirror's idms-oc-mirror.yaml");
        return from set in objects.Sets
               from entry in set.Entries.Select((entry, index) => (Value: entry, Place: MirrorObjects.PlaceOf($"import_files {path}", set, index)))
               where !entry.Value.Mirrors.IsEmpty
               select new MirrorRequest(entry.Place, entry.Value.Source) { Mirrors = entry.Value.Mirrors, Policy = entry.Value.Policy, Priority = MirrorSource.Extra };
    }

    /// <summary>What the cluster has: objects, and files with the objects that <c>oc get -o yaml</c> printed.</summary>
    public static IEnumerable<JToken> ReadExisting(ModuleArguments arguments) =>
        arguments.Items("existing_objects").SelectMany(item => item is JValue { Value: string path } ? Documents("existing_objects", path) : [item]);

    static IReadOnlyList<JToken> Documents(string parameter, string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > MaxImportSize } large)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{parameter} {path} has {large.Length} bytes; {MaxImportSize} are accepted", "name the files that hold mirror sets");
        var content = AtomicFile.Read(path) ?? throw new ModuleException(ErrorCodes.File, $"{parameter} {path} does not exist on this host", "give the path of a YAML file on the host that runs the module");
        try
        {
            return Yaml.ParseAll(Encoding.UTF8.GetString(content.Span));
        }
        catch (FormatException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{parameter} {path} is no YAML: {e.Message}", "name the files that oc-mirror or oc wrote", e);
        }
    }

    static UpstreamRegistry? Known(string source) => DefaultRegistries.All.FirstOrDefault(registry => registry.Source == source);
}
