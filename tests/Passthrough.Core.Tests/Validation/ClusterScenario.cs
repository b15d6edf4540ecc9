using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Processes;

namespace Passthrough.Core.Tests.Validation;

/// <summary>
/// A cluster beside a scenario's images: what was rendered for it, and a fake API server whose operator writes what the golden model of the real one writes. Its nodes pull with the
/// real skopeo, the registries.conf that they have in that state, and the scenario's trust and account.
/// </summary>
sealed class ClusterScenario(Scenario images, FakeClusterSettings settings, Random random) : IAsyncDisposable
{
    public const string Name = "registry-passthrough-distribution";

    /// <summary>An address of this host at which nobody listens.</summary>
    public const string Nobody = "127.0.0.1:9";

    static readonly Dictionary<string, string> None = [];

    readonly TestFolder folder = new("cluster-case");
    readonly Dictionary<string, string?> pulled = new(StringComparer.Ordinal);

    public Scenario Images => images;

    public FakeCluster Cluster { get; private set; } = null!;

    public MirrorSourcePolicy Policy { get; } = random.Next(2) == 0 ? MirrorSourcePolicy.AllowContactingSource : MirrorSourcePolicy.NeverContactSource;

    public string Template { get; set; } = images.Namespace + "/{registry}/{path}";

    public int MaxObjectSize { get; set; }

    /// <summary>What becomes of the operator's file on a node.</summary>
    public Func<string, string> OnNode { get; set; } = text => text;

    public IReadOnlyList<string> Sources => [.. images.Images.Select(image => image.Upstream.Registry).Distinct()];

    public async Task Start()
    {
        Cluster = await FakeCluster.Start(settings with { Pull = image => Pull(image).GetAwaiter().GetResult() });
        Render();
    }

    /// <summary>Writes manifests and script, as icsp_render does.</summary>
    public void Render()
    {
        var registry = RegistryEndpoint.Parse(images.Registry.Name);
        var plan = MirrorPlan.Make([.. Sources.Append("zz.example.com").Select(source => new MirrorRequest("registries", source))], [], new MirrorNaming(registry, template: Template), Policy);
        foreach (var resource in MirrorResource.All)
            folder.Write($"{resource.ShortName}.yml", string.Concat(MirrorSetManifest.Split(plan.Set(resource.Kind, Name), None, None, MaxObjectSize).Select(part => MirrorSetManifest.Render(part, None, None))));
        var script = new ApplyScript { Name = Name, RegistryType = "distribution", Registry = registry.Authority, Files = MirrorResource.All.ToDictionary(resource => resource.ShortName, resource => $"{resource.ShortName}.yml") };
        File.SetUnixFileMode(folder.Write("apply.sh", script.Render()), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
    }

    /// <summary>The objects are there since the cluster was made.</summary>
    public void Install()
    {
        foreach (var resource in MirrorResource.All.Where(resource => resource.Kind != MirrorKind.ImageContentSourcePolicy))
        {
            foreach (var part in Yaml.ParseAll(File.ReadAllText(folder[$"{resource.ShortName}.yml"])).Cast<JObject>())
                Cluster.Put(resource.Plural, part, "ocp4-disconnected-helper");
        }
    }

    /// <summary>Somebody else's object, there since before.</summary>
    public void Put(MirrorKind kind, string name, string source, string mirror, MirrorSourcePolicy policy)
    {
        var resource = MirrorResource.Of(kind);
        var entry = new MirrorEntry(source, [mirror], resource.HasPolicy ? policy : null);
        Cluster.Put(resource.Plural, (JObject)Yaml.ParseAll(MirrorSetManifest.Render(new MirrorSet(kind, name, [entry]), None, None)).Single());
    }

    /// <summary>The files are applied without the script and its questions, and all is done that the operator and the nodes are going to do.</summary>
    public Task Apply() => Kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=ocp4-disconnected-helper", "-f", folder["idms.yml"], "-f", folder["itms.yml"]);

    public async Task Kubectl(params string[] arguments)
    {
        (await Command.Run([Checkout.Tool("kubectl", "usr/bin/kubectl"), .. arguments], Settings)).MustSucceed();
        Cluster.Settle();
    }

    public Task<CommandResult> Script(params string[] arguments) => Command.Run([folder["apply.sh"], "--poll", "0.01", .. arguments], Settings);

    /// <summary>What validation asks of a cluster: the configuration of its nodes, then, if wanted, pods that pull every image by tag and by digest.</summary>
    public async Task<CommandResult> Validate(bool withPods)
    {
        var verified = await Script("--verify");
        return !withPods || !verified.Succeeded ? verified : await Script([.. images.Images.SelectMany(Names).SelectMany(name => new[] { "--test", $"{name}" })]);
    }

    /// <summary>What the nodes really do: skopeo copies every image on every pool that has nodes, and not without our mirror.</summary>
    /// <returns>Null where it works.</returns>
    public async Task<string?> Failure()
    {
        foreach (var pool in settings.Pools.Where(pool => pool.Value > 0))
        {
            var conf = OnNode(Cluster.NodesConf(pool.Key));
            images.Layout = _ => conf;
            if (await SkopeoOracle.FirstFailure(images) is { } failure)
                return $"pool {pool.Key}: {failure}";
            images.Layout = _ => conf.Replace(images.Registry.Name, Nobody, StringComparison.Ordinal);
            if (await SkopeoOracle.FirstFailure(images) is null)
                return $"pool {pool.Key} does not need the mirror";
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        if (Cluster is not null)
            await Cluster.DisposeAsync();
        folder.Dispose();
    }

    static IEnumerable<Reference> Names(Delivered image) => new[] { image.Upstream.Tag is null ? null : image.Upstream, image.Upstream.WithDigest(image.Image.Digest) }.OfType<Reference>();

    async Task<string?> Pull(string image)
    {
        if (pulled.TryGetValue(image, out var known))
            return known;
        var conf = OnNode(Cluster.NodesConf(settings.Pools.First().Key));
        images.Layout = _ => conf;
        return pulled[image] = (await SkopeoOracle.Failure(images, Reference.Parse(image)))?.Trim();
    }

    CommandSettings Settings => new()
    {
        Environment = new Dictionary<string, string?> { ["KUBECONFIG"] = Cluster.KubeConfig(folder["kubeconfig"]), ["HOME"] = folder.Folder("home"), ["OC"] = Checkout.Tool("kubectl", "usr/bin/kubectl") },
    };
}
