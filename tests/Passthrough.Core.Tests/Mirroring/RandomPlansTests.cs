using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing.Kubernetes;

namespace Passthrough.Core.Tests.Mirroring;

/// <summary>
/// Whatever is asked: it is refused with a sentence, or what is rendered is taken by the API server (OpenShift's own schemas, where they lie beside the checkout),
/// by the Machine Config Operator and by the clients, and leads where it should.
/// </summary>
public sealed class RandomPlansTests
{
    const int Seed = 26112511;
    const int Cases = 2000;

    static readonly string[] Hosts = ["quay.io", "Quay.io", "docker.io", "index.docker.io", "registry.redhat.io", "reg.example.com:5000", "reg.example.com", "a.example.com", "*.example.com", "*.redhat.io", "localhost:5000", "10.0.0.1:5000", "registry.local:8443", "registry.local", "nginx", "[::1]:5000", "https://quay.io", "reg_1.io", "quay.io:443", "xn--bcher-kva.example"];
    static readonly string[] Paths = ["", "", "", "/team", "/team/app", "/a__b", "/c--d/e.f", "/Team", "/app:v1", "/app@sha256:0123", "/", "//x", "/a..b", "/library/nginx", "/x y", "/\u00e9"];
    static readonly string[] Names = ["registry-passthrough-harbor", "a", "a.b-c.d"];

    readonly Dictionary<MirrorKind, CrdSchema> schemas = [];

    [Fact]
    public void Everything_is_refused_or_right() => Run();

    [SkippableFact]
    public void Everything_that_is_rendered_passes_OpenShifts_schemas()
    {
        foreach (var resource in MirrorResource.All)
            schemas.Add(resource.Kind, CrdSchema.OrSkip(resource.Plural));
        Run();
    }

    void Run()
    {
        var random = new Random(Seed);
        var (rendered, refused) = (0, 0);
        for (var i = 0; i < Cases; i++)
        {
            var registry = RegistryEndpoint.Parse(random.Next(2) == 0 ? "registry.local:8443" : "mirror.corp.example");
            var requests = Enumerable.Range(0, random.Next(1, 5)).Select(index => Request(random, index)).ToList();
            var policy = random.Next(2) == 0 ? MirrorSourcePolicy.AllowContactingSource : MirrorSourcePolicy.NeverContactSource;
            var shown = $"seed {Seed}, case {i}: {policy} {string.Join(", ", requests.Select(request => $"{request.Source} -> [{string.Join(' ', request.Mirrors)}] {request.Policy}"))}";
            try
            {
                var plan = MirrorPlan.Make(requests, [], new MirrorNaming(registry, template: random.Next(3) == 0 ? "{registry}/{path}" : MirrorNaming.DefaultTemplate), policy);
                Check(plan, Names[random.Next(Names.Length)], shown);
                rendered++;
            }
            catch (ModuleException e)
            {
                Assert.True(e.Code is ErrorCodes.InvalidArgument or ErrorCodes.Collision && !e.Message.Contains('\n'), $"{shown}: {e}");
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{shown}: {e}");
            }
        }

        Assert.True(rendered > Cases / 10 && refused > Cases / 10, $"{rendered} rendered, {refused} refused");
    }

    void Check(MirrorPlan plan, string name, string shown)
    {
        var sets = MirrorResource.All.Select(resource => plan.Set(resource.Kind, name)).ToList();
        foreach (var set in sets)
        {
            var manifest = MirrorSetManifest.Render(set, new Dictionary<string, string> { ["team"] = "1" }, new Dictionary<string, string> { ["example.com/why"] = "because: #1\n" });
            Assert.Equal(manifest, MirrorSetManifest.Render(set, new Dictionary<string, string> { ["team"] = "1" }, new Dictionary<string, string> { ["example.com/why"] = "because: #1\n" }));
            var document = (JObject)Assert.Single(Yaml.ParseAll(manifest));
            var faults = schemas.GetValueOrDefault(set.Kind)?.Validate(document) ?? [];
            Assert.True(faults.Count == 0, $"{shown}\n{manifest}{string.Join('\n', faults)}");
            var read = Assert.Single(MirrorObjects.Read("manifest", [document]).Sets);
            Assert.True(read.Name == name && read.Entries.Zip(set.Entries).All(pair => pair.First.Source == pair.Second.Source && pair.First.Mirrors.SequenceEqual(pair.Second.Mirrors) && pair.First.Policy == pair.Second.Policy), $"{shown}\n{manifest}");
        }

        var nodes = MachineConfigOperator.Write([.. sets.Where(set => set.Kind != MirrorKind.ImageContentSourcePolicy)]);
        Assert.True(nodes.Refusal is null, $"{shown}: {nodes.Refusal}");
        var clients = ClientRegistries.Load(RegistriesConfDropIn.Render(plan.Sources, _ => false));
        foreach (var source in plan.Sources.Where(source => !MirrorName.IsWildcard(source.Source) && clients.Find(source.Source)?.Prefix == source.Source))
        {
            var pull = clients.PlanPull($"{source.Source}/some/app:v1");
            Assert.True(pull.Error is null, $"{shown}: {pull.Error}");
            Assert.True(source.Mirrors.Zip(pull.Sources).All(pair => pair.Second.Image.Name == $"{pair.First}/some/app" && pair.Second.BlockedBy is null), $"{shown}: {string.Join(' ', pull.Sources)}");
            Assert.True(pull.Sources[^1].BlockedBy is not null == (source.Policy == MirrorSourcePolicy.NeverContactSource), $"{shown}: {pull.Sources[^1]}");
        }
    }

    static MirrorRequest Request(Random random, int index)
    {
        var isPlain = random.Next(3) > 0;
        return new MirrorRequest($"registries[{index}]", Hosts[random.Next(isPlain ? 6 : Hosts.Length)] + Paths[random.Next(isPlain ? 7 : Paths.Length)])
        {
            Mirrors = random.Next(3) > 0 ? [] : [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => $"m{random.Next(3)}.local{(random.Next(2) == 0 ? ":8443" : "")}{Paths[random.Next(isPlain ? 7 : Paths.Length)]}/q")],
            Policy = random.Next(5) == 0 ? MirrorSourcePolicy.NeverContactSource : null,
        };
    }
}
