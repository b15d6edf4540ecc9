using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;
using Passthrough.Testing.Kubernetes;

namespace Passthrough.Core.Tests.Validation;

/// <summary>One state of a cluster, broken or unusual and whole.</summary>
/// <param name="Kind">Its name.</param>
/// <param name="Cause">What validation must say, as a regular expression; null where it must pass.</param>
/// <param name="Make">Brings it about, with choices of the seed.</param>
sealed record ClusterState(string Kind, string? Cause, Func<ClusterScenario, Random, Task> Make)
{
    public Func<Random, FakeClusterSettings> Settings { get; init; } = _ => new();

    /// <summary>Only nodes that pull can tell.</summary>
    public bool WithPods { get; init; }

    /// <summary>Only a registry of this kind can be so; null for either with TLS.</summary>
    public StageRegistry? Registry { get; init; }

    static readonly MirrorKind[] Newer = [MirrorKind.ImageDigestMirrorSet, MirrorKind.ImageTagMirrorSet];

    public static IReadOnlyList<ClusterState> Breakages { get; } =
    [
        new("a paused pool", "pool (master|worker) is paused and keeps the old configuration", async (cluster, random) =>
        {
            Older(cluster, random.Next(2) == 0);
            await cluster.Apply();
        })
        {
            Settings = random => new() { PausedPools = [Breakage.Pick(random, ["master", "worker"])] },
        },
        new("an object with another policy", "source .* is .*Source here and .*Source in image(digest|tag)mirrorsets theirs: the Machine Config Operator would ignore every mirror change", async (cluster, random) =>
        {
            cluster.Put(Breakage.Pick(random, Newer), "theirs", Breakage.Pick(random, cluster.Sources), $"{ClusterScenario.Nobody}/theirs", Other(cluster.Policy));
            await cluster.Apply();
        }),
        new("one kind missing", "there is no image(digest|tag)mirrorsets .* in the cluster, or it is empty", async (cluster, random) =>
        {
            cluster.Install();
            await cluster.Kubectl("delete", Breakage.Pick(random, ["imagedigestmirrorset", "imagetagmirrorset"]), ClusterScenario.Name);
        }),
        new("older objects", "has other entries than the file beside this script", (cluster, _) =>
        {
            Older(cluster, isThere: true);
            return Task.CompletedTask;
        }),
        new("a part missing", "has other entries than the file beside this script|there is no image", async (cluster, random) =>
        {
            cluster.MaxObjectSize = 400;
            cluster.Render();
            cluster.Install();
            await cluster.Kubectl("delete", Breakage.Pick(random, ["imagedigestmirrorset", "imagetagmirrorset"]), $"{ClusterScenario.Name}-0");
        }),
        new("a node that failed", "pool (master|worker) is degraded: NodeDegraded: Node node-1", async (cluster, random) =>
        {
            Older(cluster, random.Next(2) == 0);
            await cluster.Apply();
        })
        {
            Settings = _ => new() { Operator = FakeOperator.Degrades },
        },
        new("a rollout that has not ended", "pool (master|worker) is still being updated to it", async (cluster, random) =>
        {
            Older(cluster, random.Next(2) == 0);
            await cluster.Apply();
        })
        {
            Settings = _ => new() { Operator = FakeOperator.NeverEnds },
        },
        new("an operator that does not take it up", "pool (master|worker): .* in /etc/containers/registries.conf", async (cluster, random) =>
        {
            Older(cluster, random.Next(2) == 0);
            await cluster.Apply();
        })
        {
            Settings = _ => new() { Operator = FakeOperator.Ignores },
        },
        new("nodes that do not trust the registry", "node master-0 .* cannot pull .*(x509|certificate)", (cluster, random) =>
        {
            cluster.Install();
            cluster.Images.CaPath = Breakage.Pick(random, [null, cluster.Images.Stage.OtherPki.CaFile]);
            return Task.CompletedTask;
        })
        {
            WithPods = true,
        },
        new("nodes without the account", "node master-0 .* cannot pull .*(unauthorized|authentication required|username/password)", (cluster, random) =>
        {
            cluster.Install();
            cluster.Images.Credential = Breakage.Pick(random, [null, new Credential { Username = ProofStage.UserName, Password = "wrong" }]);
            return Task.CompletedTask;
        })
        {
            WithPods = true,
            Registry = StageRegistry.Secured,
        },
        new("nodes with a file that hides ours", "node master-0 .* cannot pull .*127.0.0.1:9", (cluster, _) =>
        {
            cluster.Install();
            cluster.OnNode = text => text.Replace(cluster.Images.Registry.Name, ClusterScenario.Nobody, StringComparison.Ordinal);
            return Task.CompletedTask;
        })
        {
            WithPods = true,
        },
        new("nodes that have the images from elsewhere", "node master-0 .* did not ask 127.0.0.1:.* for .*/registry-passthrough/control:is-nowhere", async (cluster, _) =>
        {
            cluster.Install();
            var elsewhere = cluster.Images.Stage.Secured;
            foreach (var image in cluster.Images.Images)
                await elsewhere.Push(image.Image, image.Repository, image.Tag);
            cluster.Images.Credential = new Credential { Username = ProofStage.UserName, Password = ProofStage.Password };
            cluster.Images.AuthFile = cluster.Images.WriteAuthFile(elsewhere.Name);
            cluster.OnNode = text => text.Replace(cluster.Images.Registry.Name, elsewhere.Name, StringComparison.Ordinal);
        })
        {
            WithPods = true,
            Registry = StageRegistry.Open,
        },
    ];

    public static IReadOnlyList<ClusterState> HealthyVariants { get; } =
    [
        new("applied by the script", null, async (cluster, _) => (await cluster.Script()).MustSucceed()),
        new("applied by hand", null, (cluster, _) => cluster.Apply()),
        new("there since the installation, and pods pull", null, Installed) { WithPods = true },
        new("a paused pool that has everything", null, Installed) { Settings = random => new() { PausedPools = [Breakage.Pick(random, ["master", "worker"])] } },
        new("a paused pool without nodes", null, (cluster, _) => cluster.Apply())
        {
            Settings = random => new() { Pools = new Dictionary<string, int> { ["master"] = random.Next(1, 4), ["worker"] = 0 }, PausedPools = ["worker"] },
        },
        new("more pools", null, (cluster, _) => cluster.Apply())
        {
            Settings = random => new() { Pools = new Dictionary<string, int> { ["master"] = 3, ["worker"] = random.Next(4), ["infra"] = 1, ["storage"] = random.Next(3) } },
        },
        new("another object with the same policy", null, async (cluster, random) =>
        {
            var (source, kind) = (Breakage.Pick(random, cluster.Sources), Breakage.Pick(random, Newer));
            if (random.Next(2) == 0)
                cluster.Install();
            cluster.Put(kind, "theirs", source, Breakage.Pick(random, [$"{ClusterScenario.Nobody}/theirs", $"{cluster.Images.Registry.Name}/empty/theirs"]), cluster.Policy);
            await cluster.Apply();
        }),
        new("objects of both families", null, async (cluster, random) =>
        {
            var source = cluster.Policy == MirrorSourcePolicy.AllowContactingSource ? Breakage.Pick(random, cluster.Sources) : "other.example.com";
            cluster.Put(MirrorKind.ImageContentSourcePolicy, "image-policy-0", source, $"{ClusterScenario.Nobody}/theirs", MirrorSourcePolicy.AllowContactingSource);
            await cluster.Apply();
        }),
        new("an object for something else", null, async (cluster, random) =>
        {
            cluster.Put(Breakage.Pick(random, Newer), "theirs", Breakage.Pick(random, ["other.example.com", $"{cluster.Sources[0]}/elsewhere"]), $"{ClusterScenario.Nobody}/theirs", Other(cluster.Policy));
            await cluster.Apply();
        }),
        new("objects in parts", null, async (cluster, random) =>
        {
            // What there was before is left behind by hand, and not by the script.
            cluster.MaxObjectSize = 400;
            if (random.Next(2) == 0)
                cluster.Install();
            cluster.Render();
            (await cluster.Script()).MustSucceed();
        }),
        new("rendered and applied anew", null, async (cluster, _) =>
        {
            Older(cluster, isThere: true);
            await cluster.Apply();
        }),
        new("nodes after a change, and pods pull", null, async (cluster, random) =>
        {
            Older(cluster, random.Next(2) == 0);
            await cluster.Apply();
        })
        {
            WithPods = true,
        },
    ];

    static MirrorSourcePolicy Other(MirrorSourcePolicy policy) => policy == MirrorSourcePolicy.AllowContactingSource ? MirrorSourcePolicy.NeverContactSource : MirrorSourcePolicy.AllowContactingSource;

    static Task Installed(ClusterScenario cluster, Random random)
    {
        cluster.Install();
        return Task.CompletedTask;
    }

    // What an earlier render led elsewhere, where it is there at all; then what is rendered now.
    static void Older(ClusterScenario cluster, bool isThere)
    {
        if (!isThere)
            return;
        var template = cluster.Template;
        cluster.Template = "old/" + template;
        cluster.Render();
        cluster.Install();
        cluster.Template = template;
        cluster.Render();
    }
}
