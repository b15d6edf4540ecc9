using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Validation;

/// <summary>One way in which redirection breaks, done to a scenario that was whole.</summary>
/// <param name="Kind">Its name.</param>
/// <param name="Cause">What the report must say, as a regular expression.</param>
/// <param name="Break">Does it, with choices of the seed.</param>
sealed record Breakage(string Kind, string Cause, Func<Scenario, Random, Task> Break)
{
    /// <summary>Only a registry of this kind can be broken so; null for any.</summary>
    public StageRegistry? Registry { get; init; }

    /// <summary>A port of 127.0.0.1 at which nobody listens.</summary>
    const string Nobody = "127.0.0.1:9";

    public static IReadOnlyList<Breakage> All { get; } =
    [
        Of("tag removed", "only its digest is: the tag was removed", (scenario, random) => scenario.RemoveTag(scenario.Tagged(random))),
        new("tag moved", "the tag .* was moved: it has sha256:.*, what was delivered has sha256:", async (scenario, random) =>
        {
            var image = scenario.Tagged(random);
            await scenario.Registry.Push(ImageBuilder.Image([ImageBuilder.Layer($"moved-{scenario.Namespace}-{random.Next()}")]), image.Repository, image.Tag);
        }),
        Of("manifest of one platform gone", "the manifest sha256:.* of linux/.* that its index names is not in ", (scenario, random) =>
        {
            var image = scenario.Index(random);
            scenario.RemoveManifest(image, Pick(random, image.Image.Children).Digest);
        }),
        Of("manifest gone", "is not there: it was never pushed, or was removed", (scenario, random) =>
        {
            var image = Pick(random, scenario.Images);
            scenario.RemoveManifest(image, image.Image.Digest);
        }),
        Of("layer gone from storage", "the layer sha256:.* is not in ", (scenario, random) => scenario.RemoveBlob(Pick(random, Layers(Pick(random, scenario.Images).Image)))),
        Of("layer unknown to the repository", "the layer sha256:.* is not in ", (scenario, random) =>
        {
            var image = Pick(random, scenario.Images);
            scenario.UnlinkBlob(image, Pick(random, Layers(image.Image)));
        }),
        Of("configuration gone", "the configuration sha256:.* is not in ", (scenario, random) => scenario.RemoveBlob(Pick(random, [.. Pick(random, scenario.Images).Image.Manifests.SelectMany(manifest => manifest.Blobs.Take(1))]).Digest)),
        Of("layer damaged", "cannot be copied whole; skopeo .* says: .*", (scenario, random) =>
        {
            scenario.Deep = true;
            scenario.DamageBlob(Pick(random, Layers(Pick(random, scenario.Images).Image)));
        }),
        Of("layer emptied", "cannot be copied whole; skopeo .* says: .*; blob sha256:.* is damaged", (scenario, random) =>
        {
            scenario.Deep = true;
            scenario.EmptyBlob(Pick(random, Layers(Pick(random, scenario.Images).Image)));
        }),
        Of("manifest damaged", "sent other bytes|gives other bytes|was moved|answered 500", (scenario, random) => scenario.DamageBlob(Pick(random, scenario.Images).Image.Digest)),
        Of("never pushed", "is not there: it was never pushed, or was removed", (scenario, random) =>
        {
            var like = Pick(random, scenario.Images);
            var image = ImageBuilder.Image([ImageBuilder.Layer($"never-{scenario.Namespace}-{random.Next()}")]);
            scenario.Images.Add(new Delivered(Reference.Parse($"{like.Upstream.Registry}/{like.Upstream.Repository}-never:v1"), image, $"{like.Repository}-never", "v1"));
        }),
        Of("repository removed", "is not there: it was never pushed, or was removed", (scenario, random) => scenario.RemoveRepository(Pick(random, scenario.Images))),
        Of("another CA", @"the certificate of 127\.0\.0\.1 is not trusted \(issuer CN=Passthrough test CA\)", (scenario, _) => scenario.CaPath = scenario.Stage.OtherPki.CaFile) with { Registry = StageRegistry.Secured },
        Of("no CA", @"the certificate of 127\.0\.0\.1 is not trusted \(issuer CN=Passthrough test CA\)", (scenario, _) => scenario.CaPath = null) with { Registry = StageRegistry.Secured },
        Of("no credentials", "wants credentials|no credentials|authentication required", (scenario, _) => scenario.Credential = null) with { Registry = StageRegistry.Secured },
        Of("wrong password", "refuses|authentication required|unauthorized", (scenario, _) => scenario.Credential = new Credential { Username = ProofStage.UserName, Password = "wrong" }) with { Registry = StageRegistry.Secured },
        Of("credentials under a key that nothing has", "wants credentials|no credentials|authentication required", (scenario, random) =>
        {
            var key = Pick(random, [$"{scenario.Registry.Name}/v1/", $"{scenario.Registry.Name}/other", "127.0.0.1", "quay.io"]);
            scenario.AuthFile = scenario.WriteAuthFile(key);
        }) with { Registry = StageRegistry.Secured },
        Of("no tag mirrors", "does not redirect pulls by tag of .*: an ImageTagMirrorSet is what redirects tags", (scenario, random) =>
            scenario.EntryOf(scenario.Tagged(random)).Mirrors.RemoveAll(mirror => mirror.Pull == "tag-only")),
        Of("no digest mirrors", "does not redirect pulls by digest of .*: an ImageDigestMirrorSet is what redirects digests", (scenario, random) =>
            scenario.EntryOf(Pick(random, scenario.Images)).Mirrors.RemoveAll(mirror => mirror.Pull == "digest-only")),
        Of("mirror-by-digest-only of old operators", "does not redirect pulls by tag of ", (scenario, random) =>
        {
            var entry = scenario.EntryOf(scenario.Tagged(random));
            entry.DigestOnly = true;
            entry.Mirrors = [entry.Mirrors[0] with { Pull = null }];
        }),
        Of("source not redirected", "has no entry for .*, so nothing redirects ", (scenario, random) => scenario.Entries.Remove(scenario.EntryOf(Pick(random, scenario.Images)))),
        Of("source without mirrors", "names no mirror for ", (scenario, random) => scenario.EntryOf(Pick(random, scenario.Images)).Mirrors.Clear()),
        Of("a longer entry without mirrors", "in its entry .*, which is longer than .* and hides it", (scenario, random) =>
            scenario.Entries.Insert(random.Next(2), new Entry(Longer(random, Pick(random, scenario.Images))) { Blocked = random.Next(2) == 0 })),
        Of("a longer entry that sends names to another upstream", "in its entry .*, which is longer than .* and hides it", (scenario, random) =>
            scenario.Entries.Add(new Entry(Longer(random, Pick(random, scenario.Images))) { Location = $"{Nobody}/x" })),
        Of("the source itself as its only mirror", "blocks|names .*, itself a source, as a mirror", (scenario, random) =>
        {
            var entry = scenario.EntryOf(Pick(random, scenario.Images));
            entry.Mirrors = [new(entry.Source)];
        }),
        Of("a longer entry that leads elsewhere", "is not there; .* leads to .*, but it was delivered to .*; its entry .* is longer than .* and hides it", (scenario, random) =>
            scenario.Entries.Insert(random.Next(2), new Entry(Longer(random, Pick(random, scenario.Images))) { Mirrors = [new($"{scenario.Mirror}/{scenario.Namespace}/elsewhere")] })),
        Of("mirror with another path", "is not there; .* leads to .*, but it was delivered to ", (scenario, random) => Relocate(scenario, random, location => location + Pick(random, ["-old", "/mirror", "x"]))),
        Of("mirror with another host", @"127\.0\.0\.1:9: nobody listens there \(connection refused\); .* leads to .*, but it was delivered to ", (scenario, random) => Relocate(scenario, random, location => location.Replace(scenario.Mirror, Nobody))),
        Of("mirror that is no image name", @"one of the mirrors that .* names for .* makes no image name of .* \(rewriting reference: ", (scenario, random) => Relocate(scenario, random, location => Pick(random, [location.Replace("/m", "/M"), location + "//x", location + ":v1"]))),
        Of("registry down", @"127\.0\.0\.1:9: nobody listens there \(connection refused\)", (scenario, _) =>
        {
            foreach (var entry in scenario.Entries)
                entry.Mirrors = [.. entry.Mirrors.Select(mirror => mirror with { Location = mirror.Location.Replace(scenario.Mirror, Nobody) })];
            scenario.Host = Nobody;
        }),
        Of("mirror within a blocked source", @"blocks 127\.0\.0\.1.*, and the mirror .* lies in it", (scenario, random) =>
            scenario.Entries.Add(new Entry(Pick(random, ["127.0.0.1", scenario.Mirror, $"{scenario.Mirror}/{scenario.Namespace}"])) { Blocked = true })),
        Of("plain HTTP without insecure", "speaks plain HTTP, which clients do only where .* says insecure = true of the mirror", (scenario, random) => Relocate(scenario, random, location => location, insecure: false)) with { Registry = StageRegistry.Plain },
        Of("a file that no client reads", "loading registries configuration", (scenario, random) => scenario.After = Pick(random,
        [
            "[[registry]]\nprefix = \"a.example\"\n",
            "[[registry]]\nlocation = \"https://a.example\"\n",
            "[[registry]]\nlocation = \"a.example\"\npull-from-mirror = \"all\"\n",
            "[[registry]]\nlocation = \"a.example\"\n[[registry.mirror]]\nlocation = \"b.example/c\"\npull-from-mirror = \"both\"\n",
            "[[registry]]\nlocation = \"a.example\"\n[[registry]]\nlocation = \"a.example\"\nblocked = true\n",
            "[[registry]\n",
        ])),
    ];

    static Breakage Of(string kind, string cause, Action<Scenario, Random> change) => new(kind, cause, (scenario, random) =>
    {
        change(scenario, random);
        return Task.CompletedTask;
    });

    public static T Pick<T>(Random random, IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    static List<Digest> Layers(BuiltImage image) => [.. image.Manifests.SelectMany(manifest => manifest.Blobs.Skip(1)).Select(blob => blob.Digest).Distinct()];

    // The image's repository, or what is above it up to the registry.
    static string Longer(Random random, Delivered image)
    {
        var parts = image.Upstream.Name.Split('/');
        return string.Join('/', parts[..(random.Next(parts.Length - 1) + 2)]);
    }

    static void Relocate(Scenario scenario, Random random, Func<string, string> change, bool insecure = true)
    {
        var entry = scenario.EntryOf(Pick(random, scenario.Images));
        entry.Mirrors = [.. entry.Mirrors.Select(mirror => mirror with { Location = change(mirror.Location), Insecure = mirror.Insecure && insecure })];
    }
}
