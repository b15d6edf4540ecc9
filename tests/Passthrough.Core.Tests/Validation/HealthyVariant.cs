using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Validation;

/// <summary>A way in which redirection is unusual and works: it must pass.</summary>
/// <param name="Kind">Its name.</param>
/// <param name="Change">Does it, with choices of the seed.</param>
sealed record HealthyVariant(string Kind, Func<Scenario, Random, Task> Change)
{
    /// <summary>Only a registry of this kind can be so; null for any.</summary>
    public StageRegistry? Registry { get; init; }

    const string Nobody = "127.0.0.1:9";

    public static IReadOnlyList<HealthyVariant> All { get; } =
    [
        Of("as rendered", (_, _) => { }),
        Of("sources blocked", (scenario, _) => scenario.Entries.ForEach(entry => entry.Blocked = true)),
        Of("unrelated registries", (scenario, random) =>
        {
            for (var i = random.Next(1, 6); i > 0; i--)
                scenario.Entries.Insert(random.Next(scenario.Entries.Count + 1), new Entry($"other{i}.example.com") { Blocked = random.Next(2) == 0, Mirrors = [new($"{Nobody}/x{i}")] });
        }),
        Of("entries in another order", (scenario, _) => scenario.Entries.Reverse()),
        Of("mirrors for both kinds of pull", (scenario, _) => scenario.Entries.ForEach(entry => entry.Mirrors = [entry.Mirrors[0] with { Pull = null }])),
        Of("names rewritten by location", (scenario, random) => scenario.Entries.ForEach(entry =>
        {
            entry.Location = entry.Mirrors[0].Location;
            entry.Insecure = entry.Mirrors[0].Insecure;
            entry.Mirrors = Breakage.Pick<List<EntryMirror>>(random, [[], [entry.Mirrors[0]], [new($"{Nobody}/x")]]);
        })),
        Of("the source itself among its mirrors", (scenario, random) => scenario.Entries.ForEach(entry => entry.Mirrors.Insert(random.Next(2) * 2, new(entry.Source)))),
        Of("a dead mirror before", (scenario, random) => scenario.Entries.ForEach(entry => entry.Mirrors.Insert(0, new EntryMirror($"{Nobody}/mirror/x{random.Next(9)}")))),
        Of("a mirror before that has nothing", (scenario, random) => scenario.Entries.ForEach(entry => entry.Mirrors.Insert(0, entry.Mirrors[0] with { Location = $"{scenario.Mirror}/empty{random.Next(9)}", Pull = null }))),
        Of("longer entries that lead there, too", (scenario, random) =>
        {
            var image = Breakage.Pick(random, scenario.Images);
            var entry = scenario.EntryOf(image);
            var path = image.Upstream.Repository.Split('/')[0];
            scenario.Entries.Insert(0, new Entry($"{entry.Source}/{path}") { Mirrors = [.. entry.Mirrors.Select(mirror => mirror with { Location = $"{mirror.Location}/{path}" })] });
        }),
        Of("a double of an entry, which does not count", (scenario, random) =>
        {
            var entry = Breakage.Pick(random, scenario.Entries);
            scenario.Entries.Add(new Entry(entry.Source) { Blocked = entry.Blocked, Mirrors = [new($"{Nobody}/x")] });
        }),
        Of("the mirror's host is a source, too", (scenario, random) => scenario.Entries.Add(new Entry(Breakage.Pick(random, ["127.0.0.1", scenario.Mirror])))),
        Of("another layout of the file", (scenario, random) => scenario.Layout = Breakage.Pick<Func<string, string>>(random,
        [
            text => text.Replace("\n", "\r\n"),
            text => "# mirrors\nunqualified-search-registries = ['registry.access.redhat.com', 'docker.io']\nshort-name-mode = ''\n\n" + text,
            text => text.Replace("location", "Location"),
            text => text.Replace("[[registry]]", "  [[registry]]  # one").Replace("[[registry.mirror]]", "\t[[registry.mirror]]"),
        ])),
        new("more images", async (scenario, random) =>
        {
            var registry = scenario.Images[0].Upstream.Registry;
            await scenario.Deliver($"{registry}/rare:v1", ImageBuilder.Index([ImageBuilder.Image([ImageBuilder.Layer($"s390x-{scenario.Namespace}")], new("linux", "s390x"))]));
            await scenario.Deliver($"{registry}/arm:v7", ImageBuilder.Image([ImageBuilder.Layer($"arm-{scenario.Namespace}")], new("linux", "arm", "v7")));
            await scenario.Deliver($"{registry}/deep/er/and/deeper:v1", ImageBuilder.Image([ImageBuilder.Layer($"deeper-{scenario.Namespace}", random.Next(1, 5000))]));
        }),
        Of("insecure, the CA unknown", (scenario, _) =>
        {
            scenario.CaPath = null;
            scenario.Entries.ForEach(entry => entry.Mirrors = [.. entry.Mirrors.Select(mirror => mirror with { Insecure = true })]);
        }) with { Registry = StageRegistry.Secured },
        Of("certificates not validated", (scenario, random) =>
        {
            scenario.CaPath = Breakage.Pick(random, [null, scenario.Stage.OtherPki.CaFile]);
            scenario.ValidateCertificates = false;
        }) with { Registry = StageRegistry.Secured },
        Of("the CA in certs.d", (scenario, _) =>
        {
            scenario.Write(Path.Combine("containers", "certs.d", scenario.Registry.Name, "registry.crt"), File.ReadAllText(scenario.CaPath!));
            scenario.CertsD = Path.GetDirectoryName(scenario.Write("readme", ""));
            scenario.CaPath = null;
        }) with { Registry = StageRegistry.Secured },
        Of("a bundle of CAs", (scenario, _) => scenario.CaPath = scenario.Write("bundle.pem", File.ReadAllText(scenario.Stage.OtherPki.CaFile) + File.ReadAllText(scenario.CaPath!))) with { Registry = StageRegistry.Secured },
        Of("an auth file", (scenario, random) =>
        {
            var key = Breakage.Pick(random, [scenario.Registry.Name, $"https://{scenario.Registry.Name}/v1/", $"{scenario.Registry.Name}/{scenario.Namespace}"]);
            scenario.AuthFile = scenario.WriteAuthFile("quay.io/other", key);
        }) with { Registry = StageRegistry.Secured },
        Of("anybody may pull", (scenario, _) => { }) with { Registry = StageRegistry.Open },
        Of("a password that nobody asks for", (scenario, _) => scenario.Credential = new Credential { Username = "x", Password = "y" }) with { Registry = StageRegistry.Open },
        Of("plain HTTP", (_, _) => { }) with { Registry = StageRegistry.Plain },
        Of("plain HTTP where https is expected first", (scenario, _) => scenario.Scheme = "https") with { Registry = StageRegistry.Plain },
        Of("every layer read", (scenario, _) => scenario.Deep = true),
    ];

    static HealthyVariant Of(string kind, Action<Scenario, Random> change) => new(kind, (scenario, random) =>
    {
        change(scenario, random);
        return Task.CompletedTask;
    });
}
