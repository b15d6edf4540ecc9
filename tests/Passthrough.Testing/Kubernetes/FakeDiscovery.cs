using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Kubernetes;

/// <summary>How a client finds out what a server has, in the older form that all clients read.</summary>
static class FakeDiscovery
{
    static readonly string[] Verbs = ["delete", "get", "list", "patch", "create", "update", "watch"];

    public static JObject Groups(IEnumerable<FakeResource> resources) => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JArray(resources.Where(resource => resource.Group.Length > 0).Select(resource => (resource.Group, resource.Version, resource.ApiVersion)).Distinct().Select(group =>
        {
            var version = new JObject { ["groupVersion"] = group.ApiVersion, ["version"] = group.Version };
            return new JObject { ["name"] = group.Group, ["versions"] = new JArray(version), ["preferredVersion"] = version.DeepClone() };
        })),
    };

    public static JObject Resources(IEnumerable<FakeResource> resources, string group, string version) => new()
    {
        ["kind"] = "APIResourceList",
        ["apiVersion"] = "v1",
        ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
        ["resources"] = new JArray(resources.Where(resource => resource.Group == group && resource.Version == version).Select(resource => new JObject
        {
            ["name"] = resource.Plural,
            ["singularName"] = resource.Kind.ToLowerInvariant(),
            ["namespaced"] = resource.IsNamespaced,
            ["kind"] = resource.Kind,
            ["verbs"] = new JArray(Verbs),
            ["shortNames"] = resource.ShortName.Length == 0 ? new JArray() : new JArray(resource.ShortName),
        })),
    };

    public static JObject OpenApiIndex(IEnumerable<FakeResource> resources) => new()
    {
        ["paths"] = new JObject(resources.Select(Path).Distinct().Select(path => new JProperty(path, new JObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash=1" }))),
    };

    /// <summary>As much as a client needs to know that the server validates fields itself.</summary>
    public static JObject OpenApi(IEnumerable<FakeResource> resources, string path) => new()
    {
        ["openapi"] = "3.0.0",
        ["info"] = new JObject { ["title"] = "Kubernetes", ["version"] = "v1.32.13" },
        ["paths"] = new JObject(resources.Where(resource => Path(resource) == path).Select(resource => new JProperty($"/{path}/{(resource.IsNamespaced ? "namespaces/{namespace}/" : "")}{resource.Plural}/{{name}}", new JObject
        {
            ["patch"] = new JObject
            {
                ["parameters"] = new JArray(new[] { "dryRun", "fieldManager", "fieldValidation" }.Select(name => new JObject { ["name"] = name, ["in"] = "query", ["schema"] = new JObject { ["type"] = "string" } })),
                ["responses"] = new JObject(),
                ["x-kubernetes-group-version-kind"] = new JObject { ["group"] = resource.Group, ["version"] = resource.Version, ["kind"] = resource.Kind },
            },
        }))),
    };

    static string Path(FakeResource resource) => resource.Group.Length == 0 ? $"api/{resource.Version}" : $"apis/{resource.Group}/{resource.Version}";
}
