using System.Text;
using System.Text.RegularExpressions;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Archive;

/// <summary>What oc-mirror's archives become when they are given together, incomplete, or without what tells where images come from.</summary>
public sealed class OcMirrorTests : IDisposable
{
    const string V1First = "oc-mirror-v1-seq1.tar";
    const string V1Second = "oc-mirror-v1-seq2.tar";
    const string V2Old = "oc-mirror-v2-4.17-full.tar";
    const string V2Differential = "oc-mirror-v2-4.17-differential.tar";
    const string V2New = "oc-mirror-v2-4.22-full.tar";
    const string V2Collision = "oc-mirror-v2-4.17-collision.tar";

    static readonly Reference Alpine = Reference.Parse("quay.example.com/library/alpine:3.20");

    readonly TestFolder folder = new("oc-mirror");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(V1First, V1Second)]
    [InlineData(V2Old, V2Differential)]
    public async Task A_differential_is_whole_together_with_what_was_before_it(string first, string second)
    {
        using var alone = Open(PathOf(second));
        Assert.Contains(await Incomplete(alone), image => image.EndsWith("/team/app:1.1", StringComparison.Ordinal));

        using var both = Open(PathOf(first), PathOf(second));

        Assert.Empty(await Incomplete(both));
        Assert.Contains("quay.example.com/team/app:1.0", both.Images.Select(image => image.Reference?.ToString()));
        Assert.Contains("quay.example.com/team/app:1.1", both.Images.Select(image => image.Reference?.ToString()));
    }

    [Fact]
    public void A_later_sequence_says_what_it_needs_and_who_has_it()
    {
        using var archive = Open(PathOf(V1Second));
        using var whole = Open(PathOf(V1First));
        var baseLayer = Digest.Parse("sha256:be0bf91996d9c51d434ca595af66d9a380da9d1271fed0e46c74183a700a3949");

        Assert.Equal($"{archive.Path} is sequence 2 of oc-mirror v1 and has only what was new; load sequence 1 first, or give its archives together with this one as path", archive.WhenIncomplete);
        Assert.Null(whole.WhenIncomplete);
        Assert.Equal(["quay.example.com/team/app"], archive.HoldersOf(baseLayer).Select(holder => holder.ToString()));
    }

    [Fact]
    public void Signatures_of_releases_are_found_in_the_ConfigMaps_of_version_1_and_what_is_damaged_is_none()
    {
        var release = Digest.Sha256("release"u8);
        var other = Digest.Sha256("other"u8);
        using var builder = new TarBuilder();
        builder.All(PathOf(V1First))
            .File($"release-signatures/signature-sha256-{release.Hex[..16]}.json", $$"""{"kind": "ConfigMap", "binaryData": {"sha256-{{release.Hex}}-1": "b25l", "sha256-{{release.Hex}}-2": "dHdv", "sha256-{{release.Hex}}-3": "?"} }""")
            .File($"release-signatures/signature-sha256-{other.Hex[..16]}.yaml", $"apiVersion: v1\nkind: ConfigMap\nbinaryData:\n  sha256-{other.Hex}-1: b3RoZXI=\n")
            .File("release-signatures/signature-sha256-0.json", "{\"binaryData\": [1]}"u8.ToArray())
            .File("release-signatures/notes.txt", "{ no"u8.ToArray());
        using var archive = Open(builder.Write(folder["signed.tar"]));

        Assert.Equal([$"{release}: one two", $"{other}: other"], archive.Signatures.OrderBy(signed => signed.Release == other).Select(signed => $"{signed.Release}: {string.Join(' ', signed.Signatures.Select(Encoding.UTF8.GetString))}"));
    }

    [Fact]
    public void The_cache_of_version_2_tells_who_has_a_blob_too()
    {
        using var archive = Open(PathOf(V2Differential));

        Assert.Contains("quay.example.com/team/app", archive.HoldersOf(Digest.Parse("sha256:be0bf91996d9c51d434ca595af66d9a380da9d1271fed0e46c74183a700a3949")).Select(holder => holder.ToString()));
        Assert.Equal($"{archive.Path} is a differential of oc-mirror v2 and has only what was new: load the archives of the runs before it first, or give them together with it as path", archive.WhenIncomplete);
    }

    [Fact]
    public void What_the_cache_remembers_of_earlier_runs_is_counted()
    {
        using var archive = Open(PathOf(V2Differential));

        // team/app:1.0 and the catalog v4.16, which nobody asks for any more.
        Assert.Equal(2, archive.Dangling);
        Assert.DoesNotContain(archive.Images, image => image.IsFromEarlierRun);
    }

    [Fact]
    public void An_image_that_only_a_catalog_of_an_earlier_run_names_is_of_that_run()
    {
        const string Bundle = "sha256:4d1b5a78c68761f3e85778fa2f8d03843c7fb1c4d3d2b48ec5765b79c8bd4040";

        using var archive = Open(Changed(V2Differential, change: (name, content) => name.Contains("/525cfd12da6b", StringComparison.Ordinal) && name.EndsWith("/configs/demo-operator/catalog.json", StringComparison.Ordinal)
            ? Replace(content, Bundle, "sha256:" + new string('0', 64)) : content));

        Assert.Equal(Bundle, archive.Images.Single(image => image.IsFromEarlierRun).Root.Digest.ToString());
    }

    [Fact]
    public void A_release_outside_of_the_channels_is_of_an_earlier_run()
    {
        var path = Changed(V2Differential, change: (name, content) => name.StartsWith("isc_", StringComparison.Ordinal) ? Replace(content, "minVersion: 4.16.0", "minVersion: 4.16.1") : content);

        using var archive = Open(path);

        Assert.All(archive.Images.Where(image => image.Name.EndsWith("0edf0e9ed4654b946a73fe4746bcd311530bda59e8629d9235e56daf22bd77e9", StringComparison.Ordinal)), image => Assert.False(image.IsFromEarlierRun));
        Assert.True(archive.Images.Single(image => image.Name.Contains("862a0177c4b3", StringComparison.Ordinal)).IsFromEarlierRun);
    }

    [Fact]
    public void Signatures_belong_to_their_images_and_what_the_tool_built_is_skipped_with_the_reason()
    {
        using var archive = Open(PathOf(V2New));

        Assert.Equal(6, archive.Attachments.Length);
        Assert.All(archive.Attachments, attachment => Assert.Equal(attachment.Annotation(Annotations.ContainerdManifestSubject)!.Replace(':', '-') + ".sig", attachment.Annotation(Annotations.RefName)));
        var skipped = Assert.Single(archive.Skipped);
        Assert.Equal("redhat/demo-operator-index:v4.16", skipped.Name);
        Assert.StartsWith("it is the catalog as upstream has it", skipped.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("oc-mirror-v2-4.22-full.tar", "sha256:561869a6ddb749a53a0cc2e2d8966a15a6980a801f5e2e8a9a18e0cb8fe422b2")]
    [InlineData("oc-mirror-v2-4.22-split", "sha256:0a34e13ef4b262ded9d0d7d76b265ca0831e4ffc1942c0adad1435aa8225ac9b")]
    public void The_filtered_catalog_stands_under_the_tag_and_the_graph_image_is_delivered(string file, string digest)
    {
        using var archive = RecordedArchive.Of(file).Open();

        var catalog = archive.Images.Single(image => image.Reference?.Repository == "redhat/demo-operator-index");
        Assert.Equal(("registry.example.org:5010/redhat/demo-operator-index:v4.16", digest),
            (catalog.Reference!.ToString(), catalog.Root.Digest.ToString()));
        Assert.False(catalog.DigestPreserved);
        var graph = archive.Images.Single(image => image.Name == "openshift/graph-image:latest");
        Assert.Equal("quay.example.com/openshift/graph-image:latest", graph.Reference!.ToString());
        Assert.Null(graph.DigestPreserved);
        Assert.Contains("graphDataImage", graph.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void The_original_catalog_stands_under_the_tag_where_it_is_asked_for_by_name()
    {
        using var archive = ArchiveFormats.Open(PathOf(V2New), new ImageNames(new Dictionary<string, Reference>
        {
            ["redhat/demo-operator-index:v4.16"] = Reference.Parse("registry.example.org:5010/redhat/demo-operator-index:v4.16"),
        }));

        var catalog = archive.Images.Single(image => image.Reference?.Repository == "redhat/demo-operator-index");
        Assert.True(catalog.DigestPreserved);
        Assert.Contains(archive.Skipped, skipped =>
            skipped.Reason.StartsWith("it is a catalog that oc-mirror has filtered", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("oc-mirror-v2-4.17-full.tar")]
    [InlineData("oc-mirror-v1-seq1.tar")]
    public void A_catalog_that_the_archive_has_only_unfiltered_is_said_to_be_so(string file)
    {
        using var archive = RecordedArchive.Of(file).Open();

        var catalog = archive.Images.Single(image => image.Reference?.Repository == "redhat/demo-operator-index");
        Assert.Contains("is delivered unfiltered", catalog.Warning, StringComparison.Ordinal);
        if (archive.Format == "oc-mirror-v1")
            Assert.Contains(archive.Skipped, skipped =>
                skipped.Name == "registry.example.org:5010/redhat/demo-operator-index:v4.16 (filtered)");
    }

    [Fact]
    public void What_is_skipped_can_be_named()
    {
        using var archive = ArchiveFormats.Open(PathOf(V2New), new ImageNames(new Dictionary<string, Reference>
        {
            ["openshift/graph-image:latest"] = Reference.Parse("quay.example.com/ours/graph"),
            ["redhat/demo-operator-index:c0cc876a3d8866754ece1a685dbd9c07"] = Reference.Parse("quay.example.com/ours/catalog:filtered"),
        }));

        Assert.Contains("quay.example.com/ours/graph:latest", archive.Images.Select(image => image.Reference?.ToString()));
        Assert.Contains("quay.example.com/ours/catalog:filtered", archive.Images.Select(image => image.Reference?.ToString()));
        Assert.Empty(archive.Skipped);
    }

    [Fact]
    public void Two_registries_that_claim_one_tag_are_both_named_and_the_user_decides()
    {
        using (var archive = Open(PathOf(V2Collision)))
        {
            var image = archive.Images.Single(candidate => candidate.Name == "team/app:1.0");
            Assert.Null(image.Reference);
            Assert.Equal("team/app:1.0 may be quay.example.com/team/app:1.0 or registry.example.org:5010/team/app:1.0: oc-mirror drops the registry, one of them has covered the other, and which one is not recorded; say it in references", image.Warning);
        }

        using var decided = ArchiveFormats.Open(PathOf(V2Collision), new ImageNames(new Dictionary<string, Reference> { ["team/app:1.0"] = Reference.Parse("quay.example.com/team/app:1.0") }));
        Assert.Equal("quay.example.com/team/app:1.0", decided.Images.Single(image => image.Name == "team/app:1.0").Reference!.ToString());
        using var mapped = ArchiveFormats.Open(PathOf(V2Collision), new ImageNames(new Dictionary<string, Reference>(), new RegistryMap(new Dictionary<string, string> { ["team/app"] = "registry.example.org:5010" })));
        Assert.Equal("registry.example.org:5010/team/app:1.0", mapped.Images.Single(image => image.Name == "team/app:1.0").Reference!.ToString());
    }

    public static TheoryData<string, string> Sources => new()
    {
        { "isc_", "team/zstd:1" },
        { "working-dir/isc_pinned_", "team/zstd:1" },
        { "release-manifests/image-references", "openshift/release:4.16.0-x86_64-etcd" },
        { "cincinnati-graph-data", "openshift/release-images:4.16.0-x86_64" },
        { "filtered-catalogs", "operators/demo-helper:0.5" },
        { "catalog-config/configs", "operators/demo-helper:0.5" },
        { "working-dir/logs/oc-mirror", "team/helmimg:7" },
    };

    [Theory]
    [MemberData(nameof(Sources))]
    public void Each_source_alone_brings_its_names_back(string source, string name)
    {
        var expected = RecordedArchive.Of(V2New).Images.First(image => image.RepoTag == name);
        string[] all = ["isc_", "working-dir/isc_pinned_", "working-dir/disc_pinned_", "release-manifests/image-references", "cincinnati-graph-data", "filtered-catalogs", "catalog-config/configs", "working-dir/logs/oc-mirror"];

        using var archive = Open(Changed(V2New, member => all.Any(other => other != source && Is(member, other)) && !Is(member, source) ? null : member));

        var image = archive.Images.First(candidate => candidate.Name == name);
        Assert.Equal(expected.Reference, image.Reference?.ToString());
    }

    [Fact]
    public void A_mapping_of_a_dry_run_decides_before_everything_else()
    {
        using var builder = new TarBuilder();
        var path = builder.All(PathOf(V2Collision)).File("working-dir/dry-run/mapping.txt", "docker://registry.example.org:5010/team/app:1.0=docker://localhost:55000/team/app:1.0\n").Write(folder["a.tar"]);

        using var archive = Open(path);

        Assert.Equal(("registry.example.org:5010/team/app:1.0", "dry-run/mapping.txt"), (archive.Images.Single(image => image.Name == "team/app:1.0").Reference?.ToString(), archive.Images.Single(image => image.Name == "team/app:1.0").NameSource));
    }

    [Fact]
    public void Places_that_the_configuration_changes_are_followed()
    {
        const string Configuration = """
            kind: ImageSetConfiguration
            apiVersion: mirror.openshift.io/v2alpha1
            mirror:
              additionalImages:
              - name: registry.one.example/upstream/thing:7
                targetRepo: team/app
                targetTag: "1.0"
              - name: docker.io/library/alpine@sha256:16f2468f3e5c20a3dc84aa08b1be1e7d15dc08e41dd49d70efd1ec111db4a02d
                targetRepo: library/alpine
                targetTag: "3.20"
              - name: charts/demo:0.1.0
              - name: oci:///opt/layout
              operators:
              - catalog: registry.two.example/some/index@sha256:08921c276aae29d877f29d397d28e231fecabf328214b226b333eff2725f6904
                targetCatalog: artifacts/notes
                targetTag: v1
            """;

        using var archive = Open(Changed(V2Collision, change: (name, content) => name.StartsWith("isc_", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(Configuration) : content));

        Assert.Equal("registry.one.example/upstream/thing:7", NameOf(archive, "team/app:1.0"));
        Assert.Equal("docker.io/library/alpine@sha256:16f2468f3e5c20a3dc84aa08b1be1e7d15dc08e41dd49d70efd1ec111db4a02d", NameOf(archive, "library/alpine:3.20"));
        Assert.Equal("registry.two.example/some/index:v1@sha256:08921c276aae29d877f29d397d28e231fecabf328214b226b333eff2725f6904", NameOf(archive, "artifacts/notes:v1"));
        // "charts" is no host to anybody but oc-mirror, which drops it: it looks for demo:0.1.0.
        Assert.Null(NameOf(archive, "charts/demo:0.1.0"));
    }

    [Fact]
    public void A_tag_that_names_another_digest_than_was_asked_for_is_not_that_image()
    {
        using var archive = Open(Changed(V2Collision, change: (name, content) => name.StartsWith("isc_", StringComparison.Ordinal)
            ? Replace(content, "sha256:5053864b31b7261c355585aaed169a9d7764bb98138066c976b029fbf1382e1d", "sha256:" + new string('0', 64)) : content));

        Assert.Null(NameOf(archive, "team/tool:2.1"));
    }

    [Fact]
    public void Without_anything_that_tells_the_registry_map_does()
    {
        var path = Changed(V2New, member => member.StartsWith("docker/", StringComparison.Ordinal) ? member : null);
        using (var archive = Open(path))
        {
            Assert.All(archive.Images, image => Assert.Null(image.Reference));
            Assert.Contains("team/app:1.0 has lost its registry, and nothing in the archive tells it; say it in registry_map (team/app: HOST) or in references", archive.Images.Select(image => image.Warning));
        }

        var map = new RegistryMap(new Dictionary<string, string>
        {
            ["*"] = "quay.example.com",
            ["openshift/release"] = "quay.example.com/openshift-release-dev/ocp-v4.0-art-dev",
            ["openshift/release-images"] = "quay.example.com/openshift-release-dev/ocp-release",
            ["operators"] = "registry.example.org:5010",
            ["redhat"] = "registry.example.org:5010",
            ["ubi9"] = "registry.example.org:5010",
        });
        using var mapped = ArchiveFormats.Open(path, new ImageNames(new Dictionary<string, Reference>(), map));
        var expected = RecordedArchive.Of(V2New).Images.Where(image => image.Reference is not null).Select(image => image.Reference!).Distinct().Order(StringComparer.Ordinal);
        // The filtered catalog looks like a tag where nothing tells what it is.
        Assert.Equal(expected, mapped.Images.Select(image => image.Reference!.ToString()).Where(name => !name.EndsWith(":c0cc876a3d8866754ece1a685dbd9c07", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.All(mapped.Images, image => Assert.Equal(ImageNames.FromRegistryMap, image.NameSource));
    }

    [Fact]
    public void A_configuration_that_cannot_be_read_is_told_and_the_others_go_on()
    {
        using var archive = Open(Changed(V2New, change: (name, content) => name.StartsWith("isc_", StringComparison.Ordinal) ? "mirror: [\n"u8.ToArray() : content));

        Assert.Equal(Alpine.ToString(), NameOf(archive, "library/alpine:3.20"));
        var skipped = archive.Skipped.Single(candidate => candidate.Name.StartsWith("isc_", StringComparison.Ordinal));
        Assert.StartsWith("it should tell where images come from, and is no valid YAML (line ", skipped.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_may_come_in_any_order_and_one_that_is_missing_leaves_images_incomplete()
    {
        var parts = RecordedArchive.Of("oc-mirror-v2-4.22-split").Paths;
        using var whole = Open([.. parts]);
        using var reversed = Open([.. parts.Reverse()]);
        using var unpacked = Open(Fixtures.PathOf("archives/oc-mirror-v2-4.22-split"));

        Assert.Equal(Names(whole), Names(reversed));
        Assert.Equal(Names(whole), Names(unpacked));
    }

    [Fact]
    public async Task A_part_that_is_missing_leaves_images_incomplete()
    {
        var parts = RecordedArchive.Of("oc-mirror-v2-4.22-split").Paths;
        using var cut = Open(parts[0], parts[1], parts[3]);

        Assert.NotEmpty(await Incomplete(cut));
        Assert.StartsWith("give all mirror_*.tar files of the run as path", cut.WhenIncomplete, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_part_of_version_1_alone_says_which_is_missing_and_all_together_are_one()
    {
        using var first = new TarBuilder();
        using var second = new TarBuilder();
        var one = first.All(PathOf(V1First), name => name.StartsWith("blobs/", StringComparison.Ordinal) ? null : name).Write(folder["mirror_seq1_000000.tar"]);
        // As Windows writes them, which takes no colon in a name.
        var two = second.All(PathOf(V1First), name => name.StartsWith("blobs/", StringComparison.Ordinal) ? name.Replace(':', '-') : null).Write(folder["mirror_seq1_000001.tar"]);

        var error = Assert.Throws<ModuleException>(() => Open(two));
        Assert.Equal($"{two} is a later part of an oc-mirror v1 archive: the names of its images are in the first one (mirror_seq…_000000.tar)", error.Message);
        using (var alone = Open(one))
            Assert.NotEmpty(await Incomplete(alone));
        using var whole = Open(two, one);
        Assert.Empty(await Incomplete(whole));
        Assert.Equal(RecordedArchive.Of(V1First).Images.Select(image => image.Reference!).Order(StringComparer.Ordinal), whole.Images.Select(image => image.Reference!.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_catalog_of_one_platform_is_found_by_its_pin()
    {
        // The tool writes an index of its own around a catalog of a single platform; what is upstream's is the manifest in it.
        const string Index = "sha256:5aceb84330d3e13240fa5c44c70fea1c607034529936e77f1fe7036b68c776be";
        const string Child = "sha256:b42455dbc679e5ff91d67b53649a9d25efe6c88b9b4dcb5a546d1e358a413166";

        using var archive = Open(Changed(V1First, change: (name, content) => name == "publish/.metadata.json" ? Replace(content, Index, Child) : content));

        var catalog = archive.Images.Single(image => image.Reference!.ToString() == "registry.example.org:5010/redhat/demo-operator-index:v4.16");
        Assert.Equal((Child, true), (catalog.Root.Digest.ToString(), catalog.HasManifest));
    }

    [Fact]
    public void A_catalog_from_a_folder_and_a_graph_have_no_upstream()
    {
        using var archive = Open(Changed(V1First, change: (name, content) => name == "publish/.metadata.json"
            ? Replace(Replace(content, "\"catalog\":\"registry.example.org:5010/redhat/demo-operator-index:v4.16\"", "\"catalog\":\"oci:///opt/catalog\""), "\"type\":\"ocpRelease\"", "\"type\":\"cincinnatiGraph\"") : content));

        Assert.Equal([("oci:///opt/catalog", "it came from a folder, not from a registry; name it in references to take it along"), ("openshift/release-images:4.16.0-x86_64", "it was built by oc-mirror and has no upstream; name it in references to take it along")],
            archive.Skipped.Select(skipped => (skipped.Name, skipped.Reason)).Order());
    }

    [Fact]
    public void Tags_that_version_1_invents_are_not_pushed()
    {
        using var archive = Open(PathOf(V1First));

        Assert.Equal("registry.example.org:5010/ubi9/ubi-minimal@sha256:1eaee9b6c1c519a21a691411d6bf7a9135e06b228bb6bda3a8a5e92585e5f601", NameOf(archive, "ubi9/ubi-minimal:latest"));
        using var asked = Open(Changed(V1First, change: (name, content) => name == "publish/.metadata.json"
            ? Replace(content, "registry.example.org:5010/ubi9/ubi-minimal@sha256:1eaee9b6c1c519a21a691411d6bf7a9135e06b228bb6bda3a8a5e92585e5f601\"}", "registry.example.org:5010/ubi9/ubi-minimal\"}") : content));
        Assert.Equal("registry.example.org:5010/ubi9/ubi-minimal:latest", NameOf(asked, "ubi9/ubi-minimal:latest"));
    }

    [Theory]
    [InlineData("{", "is no valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{}", "has no pastMirror")]
    public void Metadata_that_are_damaged_are_told(string text, string what)
    {
        var path = Changed(V1First, change: (name, content) => name == "publish/.metadata.json" ? Encoding.UTF8.GetBytes(text) : content);

        var error = Assert.Throws<ModuleException>(() => Open(path));

        Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
        Assert.Matches($@"^publish/\.metadata\.json in {Regex.Escape(path)} \(byte \d+\) {what}", error.Message);
    }

    string Changed(string file, Func<string, string?>? rename = null, Func<string, byte[], byte[]>? change = null)
    {
        using var builder = new TarBuilder();
        return builder.All(PathOf(file), rename, change).Write(folder["changed.tar"]);
    }

    static bool Is(string member, string source) => source == "isc_" ? member.StartsWith("isc_", StringComparison.Ordinal) : member.Contains(source, StringComparison.Ordinal);

    static byte[] Replace(byte[] content, string from, string to)
    {
        var text = Encoding.UTF8.GetString(content);
        Assert.Contains(from, text, StringComparison.Ordinal);
        return Encoding.UTF8.GetBytes(text.Replace(from, to, StringComparison.Ordinal));
    }

    static string PathOf(string file) => RecordedArchive.Of(file).Path;

    static IArchive Open(params string[] paths) => ArchiveFormats.Open(paths, new ArchiveOptions());

    static string? NameOf(IArchive archive, string name) => archive.Images.Single(image => image.Name == name).Reference?.ToString();

    static IEnumerable<string> Names(IArchive archive) => archive.Images.Select(image => $"{image.Reference} {image.Root.Digest} {image.HasManifest}").Order(StringComparer.Ordinal);

    static async Task<List<string>> Incomplete(IArchive archive)
    {
        var incomplete = new List<string>();
        foreach (var image in archive.Images)
        {
            if (!image.HasManifest || !(await ImageParts.Read(archive, image)).IsWhole)
                incomplete.Add(image.Reference!.ToString());
        }

        return incomplete;
    }
}
