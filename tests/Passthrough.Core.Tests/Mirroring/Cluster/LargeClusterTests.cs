using System.Collections.Immutable;
using System.Text;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Core.Tests.Mirroring.Cluster;

/// <summary>What a user may import is not ours to choose: sizes at which work that grows with the square of it does not end within a test's patience.</summary>
public sealed class LargeClusterTests
{
    const int Many = 5000;

    [Fact]
    public void Thousands_of_sources_and_hundreds_of_thousands_of_mirrors_are_written()
    {
        ImmutableArray<MirrorSet> sets =
        [
            Set(MirrorKind.ImageDigestMirrorSet, i => new MirrorEntry($"r{i}.example.com", Mirrors(i), MirrorSourcePolicy.NeverContactSource)),
            Set(MirrorKind.ImageTagMirrorSet, i => new MirrorEntry($"r{i}.example.com", Mirrors(i), MirrorSourcePolicy.NeverContactSource)),
        ];
        var sources = new RegistrySources
        {
            Insecure = [.. Enumerable.Range(0, Many).Select(i => $"m{i}.local")],
            Blocked = [.. Enumerable.Range(0, Many).Select(i => $"r{i}.example.com/evil")],
        };

        var files = MachineConfigOperator.Write(sets, sources);

        Assert.Null(files.Refusal);
        var registries = files.RegistriesConf!.Registries;
        Assert.Equal(3 * Many, registries.Length);
        Assert.All(registries.Where(registry => registry.Location.EndsWith("/evil", StringComparison.Ordinal)), registry => Assert.Equal((40, true), (registry.Mirrors.Length, registry.Blocked)));
        Assert.False(Rollout.Between(files, files).Drains);
        Assert.Equal(3 * Many, Rollout.Between(files, new NodeFiles()).DrainReasons.Length);
    }

    [Fact]
    public void A_file_of_thousands_of_entries_is_read_back()
    {
        var conf = new RegistriesConf { Registries = [.. Enumerable.Range(0, Many).Select(i => new RegistryEntry { Location = $"r{i}.example.com", Mirrors = [new($"a{i}.local/m"), new("b.local/m")] })] };

        var client = ClientRegistries.Load(conf.Render());

        Assert.Equal(Many, client.Registries.Length);
        Assert.Equal(["a4999.local/m/a:1", "b.local/m/a:1", "r4999.example.com/a:1"], client.PlanPull("r4999.example.com/a:1").Sources.Select(source => source.Image.ToString()));
    }

    [Fact]
    public void A_source_with_very_many_mirrors_is_put_in_order()
    {
        ImmutableArray<string> mirrors = [.. Enumerable.Range(0, 100_000).Select(i => $"m{i}.local/x")];
        ImmutableArray<MirrorSet> sets =
        [
            new(MirrorKind.ImageDigestMirrorSet, "forth", [new("quay.io", mirrors)]),
            new(MirrorKind.ImageDigestMirrorSet, "back", [new("quay.io", [.. mirrors.Reverse()])]),
        ];

        // Each list contradicts the other, so that nothing is left but the order of names.
        var registry = Assert.Single(MachineConfigOperator.Write(sets).RegistriesConf!.Registries);
        Assert.Equal(mirrors.Length, registry.Mirrors.Length);
        Assert.Equal("m0.local/x", registry.Mirrors[0].Location);
    }

    [Fact]
    public void Sources_within_sources_and_very_long_names_are_written()
    {
        var deep = new StringBuilder("r.example.com").Insert(13, "/a", 50_000).ToString();
        var set = Set(MirrorKind.ImageDigestMirrorSet, i => new MirrorEntry(deep[..(13 + (2 * i))], [$"m.local/{i}"]));

        var files = MachineConfigOperator.Write([set], new RegistrySources { Blocked = [deep, new string('.', 100_000) + "x", "*." + new StringBuilder().Insert(0, "a.", 50_000) + "a"] });

        var registries = files.RegistriesConf!.Registries;
        Assert.Equal(Many + 3, registries.Length);
        Assert.Equal("m.local/0" + deep[13..], registries.Single(registry => registry.Location == deep).Mirrors.Single().Location);
    }

    [Fact]
    public void What_shadows_thousands_of_sources_is_found()
    {
        var ours = Set(MirrorKind.ImageDigestMirrorSet, i => new MirrorEntry($"r{i}.example.com", [$"m.local/{i}"]));
        var theirs = new MirrorSet(MirrorKind.ImageDigestMirrorSet, "theirs", [.. Enumerable.Range(0, 4 * Many).Select(i => new MirrorEntry($"r{i / 4}.example.com/a{i}", [$"t.local/{i}"]))]);

        var conflicts = ClusterConflict.Find([ours], new MirrorObjects([theirs], null, []), null).ToList();

        Assert.Equal(4 * Many, conflicts.Count);
        Assert.All(conflicts, conflict => Assert.Equal("shadowed", conflict.Type));
    }

    static MirrorSet Set(MirrorKind kind, Func<int, MirrorEntry> entry) => new(kind, "large", [.. Enumerable.Range(0, Many).Select(entry)]);

    static ImmutableArray<string> Mirrors(int i) => [.. Enumerable.Range(0, 20).Select(j => $"m{i}.local/mirror/{j}")];
}
