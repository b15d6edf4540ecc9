using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Kubernetes;

/// <summary>
/// An API server on 127.0.0.1 that a real kubectl works against, as strict as the one in kube-apiserver-transcript.txt, with as much of OpenShift as
/// mirror sets need: its kinds, its admission, and the Machine Config Operator. Objects are held against OpenShift's definitions where these lie beside the checkout.
/// </summary>
public sealed class FakeCluster : IAsyncDisposable
{
    const string User = "tester";

    readonly FakeClusterSettings settings;
    readonly WebApplication application;
    readonly FakeObjects objects = new();
    readonly FakeMachineConfigs machineConfigs;
    readonly FakePods pods;
    readonly IReadOnlyList<FakeResource> resources;
    readonly Dictionary<string, CrdSchema?> schemas;
    readonly ConcurrentQueue<string> requests = new();
    readonly ConcurrentQueue<string> writes = new();
    readonly SemaphoreSlim gate = new(1);

    FakeCluster(FakeClusterSettings settings)
    {
        this.settings = settings;
        machineConfigs = new FakeMachineConfigs(settings);
        pods = new FakePods(settings, machineConfigs);
        var version = Core.Mirroring.Cluster.OpenShiftVersion.Parse(settings.Version);
        resources = [.. FakeResource.All.Where(resource => (settings.HasPools || resource.Group != "machineconfiguration.openshift.io") && (version.HasMirrorSets || resource.Plural is not ("imagedigestmirrorsets" or "imagetagmirrorsets")))];
        schemas = resources.Where(resource => resource.IsMirrorSet).ToDictionary(resource => resource.Plural, resource => CrdSchema.Find(resource.Plural), StringComparer.Ordinal);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.Run(Answer);
    }

    public int Port { get; private set; }

    /// <summary><c>METHOD /path?query</c> of each request, in order.</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    /// <summary><c>PATCH imagetagmirrorsets/name</c> of each request that changed something, in order.</summary>
    public IReadOnlyList<string> Writes => [.. writes];

    public static async Task<FakeCluster> Start(FakeClusterSettings? settings = null)
    {
        var cluster = new FakeCluster(settings ?? new());
        cluster.Put("clusterversions", new JObject { ["metadata"] = new JObject { ["name"] = "version" }, ["status"] = new JObject { ["desired"] = new JObject { ["version"] = cluster.settings.Version } } });
        cluster.Put("infrastructures", new JObject { ["metadata"] = new JObject { ["name"] = "cluster" }, ["status"] = new JObject { ["controlPlaneTopology"] = cluster.settings.Topology } });
        cluster.Put("images", new JObject { ["metadata"] = new JObject { ["name"] = "cluster" }, ["spec"] = new JObject() });
        cluster.Look(atStart: true);
        await cluster.application.StartAsync();
        cluster.Port = new Uri(cluster.application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        return cluster;
    }

    /// <summary>Writes a kubeconfig that leads here.</summary>
    public string KubeConfig(string path, string? token = null)
    {
        File.WriteAllText(path, $$"""
            apiVersion: v1
            kind: Config
            clusters: [{name: fake, cluster: {server: "http://127.0.0.1:{{Port}}" } }]
            users: [{name: tester, user: {token: "{{token ?? settings.Token ?? "any"}}" } }]
            contexts: [{name: fake, context: {cluster: fake, user: tester} }]
            current-context: fake

            """);
        return path;
    }

    /// <summary>Puts an object there as somebody else would; what the operator makes of it is on the nodes at once.</summary>
    public void Put(string plural, JObject value, string manager = "kubectl-create")
    {
        var resource = resources.Single(resource => resource.Plural == plural);
        (value["apiVersion"], value["kind"]) = (resource.ApiVersion, resource.Kind);
        objects.Put(resource, Key(resource, (string?)value["metadata"]!["namespace"], (string)value["metadata"]!["name"]!), value, manager);
        Look(atStart: true);
    }

    public JObject? Get(string plural, string name, string? ns = null) =>
        FakeResource.All.Single(resource => resource.Plural == plural) is var resource && objects.Get(resource, Key(resource, ns, name)) is { } value ? (JObject)value.DeepClone() : null;

    /// <summary>Lets the operator and the nodes do all that they are going to do.</summary>
    public void Settle()
    {
        for (var i = 0; i < (settings.Pools.Values.Sum() + 2) * settings.ReadsPerStep; i++)
            _ = machineConfigs.List().Count();
    }

    /// <summary>The registries.conf that the nodes of a pool have, by the model of the operator (mco-golden.json).</summary>
    public string NodesConf(string pool) => machineConfigs.OnNodes(pool);

    public ValueTask DisposeAsync() => application.DisposeAsync();

    static string Key(FakeResource resource, string? ns, string name) => resource.IsNamespaced ? $"{ns}/{name}" : name;

    void Look(bool atStart = false)
    {
        var all = resources.Where(resource => resource.IsMirrorSet || resource.Plural == "images").SelectMany(objects.List);
        var read = MirrorObjects.Read("the fake cluster", all);
        machineConfigs.Look(read.Sets, read.Registries, atStart);
    }

    async Task Answer(HttpContext context)
    {
        var request = context.Request;
        requests.Enqueue($"{request.Method} {request.Path}{request.QueryString}");
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content);
        var body = content.ToArray();
        await gate.WaitAsync();
        try
        {
            var (status, answer) = settings.Token is { } token && request.Headers.Authorization != $"Bearer {token}"
                ? Status(401, "Unauthorized", "Unauthorized")
                : Route(request.Method, request.Path.Value!, request, body);
            context.Response.StatusCode = status;
            context.Response.ContentType = answer is JValue ? "text/plain; charset=utf-8" : "application/json";
            await context.Response.WriteAsync(answer is JValue text ? (string)text! : Json.Compact(answer));
        }
        finally
        {
            gate.Release();
        }
    }

    (int Status, JToken Answer) Route(string method, string path, HttpRequest request, byte[] body) => path.Trim('/').Split('/') switch
    {
        ["readyz" or "livez" or "healthz"] => (200, "ok"),
        ["version"] => (200, new JObject { ["major"] = "1", ["minor"] = "32", ["gitVersion"] = "v1.32.13", ["platform"] = "linux/amd64" }),
        ["api"] => (200, new JObject { ["kind"] = "APIVersions", ["versions"] = new JArray("v1") }),
        ["apis"] => (200, FakeDiscovery.Groups(resources)),
        ["api", "v1"] => (200, FakeDiscovery.Resources(resources, "", "v1")),
        ["apis", var group, var version] when resources.Any(resource => resource.Group == group && resource.Version == version) => (200, FakeDiscovery.Resources(resources, group, version)),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => (201, FakeReview.Answer(body, settings.Denied)),
        ["openapi", "v3"] => (200, FakeDiscovery.OpenApiIndex(resources)),
        ["openapi", "v3", .. var at] => (200, FakeDiscovery.OpenApi(resources, string.Join('/', at))),
        ["api", var version, .. var rest] => Find("", version, rest, method, request, body),
        ["apis", var group, var version, .. var rest] => Find(group, version, rest, method, request, body),
        _ => (404, "404 page not found"),
    };

    (int Status, JToken Answer) Find(string group, string version, string[] rest, string method, HttpRequest request, byte[] body)
    {
        var (ns, at) = rest is ["namespaces", var given, .. var inside] && inside.Length > 0 ? (given, inside) : (null, rest);
        if (at.Length is 0 or > 2 || resources.FirstOrDefault(resource => resource.Group == group && resource.Version == version && resource.Plural == at[0]) is not { } found)
            return (404, "404 page not found");
        var name = at.Length == 2 ? at[1] : null;
        var verb = (method, name) switch { ("GET", null) => "list", ("GET", _) => "get", ("POST", _) => "create", ("PATCH", _) => "patch", ("DELETE", _) => "delete", _ => "update" };
        if (Refuse(verb, found, name) is { } forbidden)
            return forbidden;
        return (method, name) switch
        {
            ("GET", null) => (200, new JObject { ["apiVersion"] = found.ApiVersion, ["kind"] = found.Kind + "List", ["metadata"] = new JObject { ["resourceVersion"] = "1" }, ["items"] = new JArray(List(found, ns, request.Query["labelSelector"])) }),
            ("GET", _) => Show(found, name, ns) is { } value ? (200, value) : Missing(found, name),
            ("DELETE", not null) => Remove(found, name, ns, isDryRun: Encoding.UTF8.GetString(body).Contains("\"All\"", StringComparison.Ordinal)),
            ("PATCH", not null) => Patch(found, name, ns, request, body),
            _ => Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        };
    }

    IEnumerable<JObject> List(FakeResource resource, string? ns, string? label) => resource.Kind switch
    {
        "MachineConfigPool" => machineConfigs.List(),
        "Node" => pods.Nodes().Where(node => label is null || node["metadata"]!["labels"]![label] is not null),
        "Pod" => objects.List(resource).Where(pod => (string?)pod["metadata"]!["namespace"] == ns).Select(pods.Show),
        "Event" => objects.List(FakeResource.All.Single(other => other.Kind == "Pod")).Where(pod => (string?)pod["metadata"]!["namespace"] == ns).SelectMany(pods.Events),
        _ => objects.List(resource),
    };

    JObject? Show(FakeResource resource, string name, string? ns) => resource.Kind switch
    {
        "MachineConfigPool" => machineConfigs.Get(name),
        "MachineConfig" => machineConfigs.Config(name),
        _ => objects.Get(resource, Key(resource, ns, name)),
    };

    (int Status, JToken Answer) Remove(FakeResource resource, string name, string? ns, bool isDryRun)
    {
        if (objects.Get(resource, Key(resource, ns, name)) is null)
            return Missing(resource, name);
        if (!isDryRun)
        {
            objects.Delete(resource, Key(resource, ns, name));
            writes.Enqueue($"DELETE {resource.Plural}/{name}");
            Look();
        }

        return (200, new JObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JObject(), ["status"] = "Success", ["details"] = new JObject { ["name"] = name, ["group"] = resource.Group, ["kind"] = resource.Plural } });
    }

    (int Status, JToken Answer) Patch(FakeResource resource, string name, string? ns, HttpRequest request, byte[] body)
    {
        if (request.ContentType == "application/merge-patch+json")
        {
            if (objects.Merge(resource, Key(resource, ns, name), (JObject)Json.Parse(body.AsSpan())) is not { } merged)
                return Missing(resource, name);
            writes.Enqueue($"PATCH {resource.Plural}/{name}");
            Look();
            return (200, merged);
        }

        if (request.ContentType != "application/apply-patch+yaml")
            return Status(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
        if (request.Query["fieldManager"].FirstOrDefault() is not { Length: > 0 } manager)
            return Status(422, "Invalid", "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
        var wanted = (JObject)Yaml.ParseAll(Encoding.UTF8.GetString(body)).Single();
        var key = Key(resource, ns, name);
        if ((string?)wanted["metadata"]?["name"] != name)
            return Status(400, "BadRequest", $"the name of the object ({wanted["metadata"]?["name"]}) does not match the name on the URL ({name})");
        if (wanted["metadata"]!["managedFields"] is not null)
            return Status(400, "BadRequest", "metadata.managedFields must be nil");
        if ((string?)wanted["metadata"]!["resourceVersion"] is { } version && version != (string?)objects.Get(resource, key)?["metadata"]!["resourceVersion"])
            return Status(409, "Conflict", $"Operation cannot be fulfilled on {resource.FullName} \"{name}\": the object has been modified; please apply your changes to the latest version and try again");
        if (objects.Get(resource, key) is null && Refuse("create", resource, name) is { } forbidden)
            return forbidden;
        if (resource.IsMirrorSet && Judge(resource, name, wanted) is { } fault)
            return fault;

        var (value, isNew, conflicts) = objects.Apply(resource, key, wanted, manager, request.Query["force"] == "true", request.Query["dryRun"] == "All");
        if (value is null)
            return Status(409, "Conflict", $"Apply failed with {conflicts.Count} conflict{(conflicts.Count == 1 ? "" : "s")}: {string.Join(", ", conflicts.Select(conflict => $"conflict with {conflict.Manager}: {conflict.Field}"))}",
                ("causes", new JArray(conflicts.Select(conflict => new JObject { ["reason"] = "FieldManagerConflict", ["message"] = $"conflict with {conflict.Manager}", ["field"] = conflict.Field }))));
        if (request.Query["dryRun"] != "All")
        {
            writes.Enqueue($"PATCH {resource.Plural}/{name}");
            Look();
        }

        return (isNew ? 201 : 200, value);
    }

    // The order of a real server: form, then values, then admission.
    (int Status, JToken Answer)? Judge(FakeResource resource, string name, JObject wanted)
    {
        var faults = schemas[resource.Plural]?.Validate(wanted) ?? WithoutSchema(wanted);
        if (faults.FirstOrDefault(fault => fault.Type is CrdFaultType.Unknown or CrdFaultType.Type or CrdFaultType.Duplicate) is { } form)
            return Status(500, null, $"failed to create typed patch object (/{name}; {resource.ApiVersion}, Kind={resource.Kind}): {form.Path}: {form.Message}");
        if (faults.Count > 0)
            return Status(
                422,
                "Invalid",
                $"{resource.Kind}.{resource.Group} \"{name}\" is invalid: {faults[0].Path.TrimStart('.')}: {faults[0].Message}",
                ("name", name),
                ("group", resource.Group),
                ("kind", resource.Kind),
                ("causes", new JArray(faults.Select(fault => new JObject { ["reason"] = "FieldValueInvalid", ["message"] = fault.Message, ["field"] = fault.Path.TrimStart('.') }))));
        if (settings.Webhook(wanted) is { } denied)
            return Status(403, "Forbidden", denied);
        var isPolicy = resource.Kind == "ImageContentSourcePolicy";
        var others = resources.Where(other => other.IsMirrorSet && (other.Kind == "ImageContentSourcePolicy") != isPolicy).FirstOrDefault(other => objects.List(other).Any());
        return others is null || Core.Mirroring.Cluster.OpenShiftVersion.Parse(settings.Version).TakesBothFamilies
            ? null
            : Status(403, "Forbidden", $"{resource.FullName} \"{name}\" is forbidden: Kind.{resource.Kind}: Forbidden: can't create {resource.Kind} when {others.Kind} resources exist");
    }

    static IReadOnlyList<CrdFault> WithoutSchema(JObject wanted)
    {
        try
        {
            MirrorObjects.Read("the object", [wanted]);
            return [];
        }
        catch (ModuleException e)
        {
            return [new CrdFault(CrdFaultType.Value, ".spec", e.Message)];
        }
    }

    (int Status, JToken Answer)? Refuse(string verb, FakeResource resource, string? name) =>
        settings.Denied.Contains($"{verb} {resource.Plural}")
            ? Status(403, "Forbidden", $"{resource.FullName} {(name is null ? "" : $"\"{name}\" ")}is forbidden: User \"{User}\" cannot {verb} resource \"{resource.Plural}\" in API group \"{resource.Group}\" at the cluster scope")
            : null;

    static (int Status, JToken Answer) Missing(FakeResource resource, string name) =>
        Status(404, "NotFound", $"{resource.FullName} \"{name}\" not found", ("name", name), ("group", resource.Group), ("kind", resource.Plural));

    static (int Status, JToken Answer) Status(int code, string? reason, string message, params (string Name, JToken Value)[] details)
    {
        var status = new JObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JObject(), ["status"] = "Failure", ["message"] = message };
        if (reason is not null)
            status["reason"] = reason;
        if (details.Length > 0)
            status["details"] = new JObject(details.Select(detail => new JProperty(detail.Name, detail.Value)));
        status["code"] = code;
        return (code, status);
    }
}
