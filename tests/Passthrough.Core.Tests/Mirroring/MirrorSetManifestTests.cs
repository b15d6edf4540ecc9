using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;
using Passthrough.Testing.Kubernetes;

namespace Passthrough.Core.Tests.Mirroring;

/// <summary>A long list is in several objects: none larger than asked, none smaller than need be, every entry once.</summary>
public sealed class MirrorSetManifestTests
{
    const int Seed = 20_261_126;

    static readonly Dictionary<string, string> Labels = new() { ["team"] = "a" };
    static readonly Dictionary<string, string> Annotations = new() { ["example.com/why"] = "- source: \u00e9\n  - source: b\n", [MirrorSetManifest.PartOf] = "not this" };

    static int Size(MirrorSet set) => Encoding.UTF8.GetByteCount(MirrorSetManifest.Render(set, Labels, Annotations));

    static IReadOnlyList<MirrorSet> Split(MirrorSet set, int maxSize) => MirrorSetManifest.Split(set, Labels, Annotations, maxSize);

    static MirrorSet Any(Random random, MirrorKind kind, int count) => new(kind, "redirected", [.. Enumerable.Range(0, count).Select(index => new MirrorEntry(
        $"r{index}.example.com/{new string('a', random.Next(1, 80))}",
        [.. Enumerable.Range(0, random.Next(1, 4)).Select(mirror => $"registry.local:8443/{mirror}/{new string('b', random.Next(1, 80))}")],
        MirrorResource.Of(kind).HasPolicy ? MirrorSourcePolicy.NeverContactSource : null))]);

    [Theory]
    [InlineData(MirrorKind.ImageContentSourcePolicy)]
    [InlineData(MirrorKind.ImageDigestMirrorSet)]
    [InlineData(MirrorKind.ImageTagMirrorSet)]
    public void Parts_are_as_large_as_may_be_and_hold_every_entry_once(MirrorKind kind)
    {
        var random = new Random(Seed);
        var schema = CrdSchema.Find(MirrorResource.Of(kind).Plural);
        for (var round = 0; round < 100; round++)
        {
            var set = Any(random, kind, random.Next(2, 40));
            var maxSize = random.Next(900, Math.Max(901, Size(set)));

            var parts = Split(set, maxSize);

            Assert.Equal(set.Entries, parts.SelectMany(part => part.Entries));
            Assert.Equal(parts.Select(part => MirrorSetManifest.Render(part, Labels, Annotations)), Split(set, maxSize).Select(part => MirrorSetManifest.Render(part, Labels, Annotations)));
            for (var i = 0; i < parts.Count; i++)
            {
                Assert.Equal(parts.Count == 1 ? "redirected" : $"redirected-{i}", parts[i].Name);
                Assert.True(Size(parts[i]) <= maxSize, $"seed {Seed}, round {round}: part {i} has {Size(parts[i])} bytes of {maxSize}");
                Assert.True(i == parts.Count - 1 || Size(parts[i] with { Entries = [.. parts[i].Entries, parts[i + 1].Entries[0]] }) > maxSize, $"seed {Seed}, round {round}: part {i} has room for the next entry");
                var document = (JObject)Assert.Single(Yaml.ParseAll(MirrorSetManifest.Render(parts[i], Labels, Annotations)));
                Assert.Empty(schema?.Validate(document) ?? []);
                Assert.True(Encoding.UTF8.GetByteCount(Json.Compact(document)) <= maxSize, "what oc apply keeps of it in an annotation is larger than the object");
                Assert.Equal(parts.Count == 1 ? "not this" : "redirected", (string)document["metadata"]!["annotations"]![MirrorSetManifest.PartOf]!);
            }
        }
    }

    [Fact]
    public void The_limit_is_exact()
    {
        var set = Any(new Random(Seed), MirrorKind.ImageTagMirrorSet, 20);

        Assert.Equal(set, Assert.Single(Split(set, Size(set))));
        Assert.Equal(2, Split(set, Size(set) - 1).Count);
        Assert.Equal(set, Assert.Single(Split(set, 0)));
        var first = Split(set, Size(set) - 1)[0];
        Assert.Equal<MirrorEntry>(first.Entries, Split(set, Size(first))[0].Entries);
        Assert.Equal(first.Entries.Length - 1, Split(set, Size(first) - 1)[0].Entries.Length);
    }

    [Fact]
    public void An_entry_that_is_larger_alone_stays_whole()
    {
        MirrorSet set = new(MirrorKind.ImageDigestMirrorSet, "redirected", [new("a.example", ["m.local/a"]), new("b.example", [.. Enumerable.Range(0, 100).Select(i => $"m{i}.local/b")]), new("c.example", ["m.local/c"])]);

        var parts = Split(set, 1000);

        Assert.Equal(["a.example", "b.example", "c.example"], parts.Select(part => Assert.Single(part.Entries).Source));
        Assert.True(Size(parts[1]) > 1000);
    }

    [Fact]
    public void Without_room_for_any_entry_it_is_refused()
    {
        var set = Any(new Random(Seed), MirrorKind.ImageDigestMirrorSet, 3);

        var refusal = Assert.Throws<ModuleException>(() => Split(set, 100));

        Assert.StartsWith("max_object_size is 100, and an object has ", refusal.Message, StringComparison.Ordinal);
        Assert.EndsWith(" bytes without any entry", refusal.Message, StringComparison.Ordinal);
    }
}
