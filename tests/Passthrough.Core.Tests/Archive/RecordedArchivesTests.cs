using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Archive;

/// <summary>Every archive of the real tools yields what is recorded: names, digests, tags, platforms, and what is missing.</summary>
public sealed class RecordedArchivesTests
{
    public static TheoryData<string> Files => [.. RecordedArchive.All.Select(archive => archive.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Yields_what_is_recorded(string file)
    {
        var recorded = RecordedArchive.Of(file);
        using var archive = recorded.Open();

        var left = archive.Images.ToList();
        foreach (var expected in recorded.Images.Where(image => !image.IsNoImage))
        {
            if (IsCovered(recorded, expected, archive))
                continue;
            var actual = Find(left, expected) ?? throw new InvalidOperationException($"{expected.Requested} ({expected.Digest}) is not among\n{string.Join('\n', archive.Images)}");
            await AssertIs(recorded, expected, archive, actual);
        }

        var wanted = recorded.Images.Where(image => !image.IsNoImage).ToList();
        Assert.DoesNotContain(left, image => !wanted.Exists(expected => Matches(image, expected)) && !IsBuilt(recorded, image));
    }

    // What the tool has filtered stands under the catalog's tag; the catalog as it was is said to stay out.
    static bool IsCovered(RecordedArchive recorded, RecordedImage expected, IArchive archive)
    {
        if (!archive.Skipped
            .Any(skipped => skipped.Digest == expected.Digest
                && skipped.Reason.StartsWith("it is the catalog as upstream has it", StringComparison.Ordinal)))
            return false;
        var filtered = archive.Images.Single(image => image.Reference?.ToString() == expected.Reference);
        Assert.True(IsBuilt(recorded, filtered));
        Assert.False(filtered.DigestPreserved);
        Assert.Contains("oc-mirror has filtered", filtered.Warning, StringComparison.Ordinal);
        return true;
    }

    // The filtered catalog and the graph image.
    static bool IsBuilt(RecordedArchive recorded, ArchivedImage image) =>
        recorded.Images.Any(expected =>
            expected.IsNoImage && expected.Requested.StartsWith('(') && expected.Digest == image.Root.Digest
                && expected.RepoTag == image.Name);

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Every_blob_of_every_image_has_its_digest(string file)
    {
        using var archive = RecordedArchive.Of(file).Open();

        foreach (var image in archive.Images.Where(image => image.HasManifest))
        {
            var name = new Reference("any", "where").WithDigest(image.Root.Digest);
            var tree = await ManifestTree.ReadAsync(archive, name, default);
            foreach (var blob in tree.Blobs.Where(archive.Has))
                Assert.Equal(blob.Size, (await ImageParts.Bytes(archive, name, blob)).Length);
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Everything_it_claims_to_hold_can_be_read(string file)
    {
        using var archive = RecordedArchive.Of(file).Open();

        var contents = archive.Contents.ToList();
        Assert.Equal(contents.Count, contents.DistinctBy(blob => blob.Digest).Count());
        foreach (var blob in contents)
        {
            Assert.True(archive.Has(blob));
            await ImageParts.Bytes(archive, new Reference("any", "where"), blob);
        }
    }

    static ArchivedImage? Find(List<ArchivedImage> left, RecordedImage expected) => left.Find(image => Matches(image, expected));

    static bool Matches(ArchivedImage image, RecordedImage expected)
    {
        if (expected.Digest is { } digest && image.Root.Digest != digest)
            return false;
        if (expected.NameHasWrongDigest)
            return image.Reference is { Tag: null } reference && reference.Name == expected.Reference![..expected.Reference!.IndexOf('@', StringComparison.Ordinal)] && reference.Digest == image.Root.Digest;
        if (expected.Reference is not null)
            return image.Reference?.ToString() == expected.Reference;
        return image.Reference is null && image.Name.StartsWith(expected.IsAmbiguous ? expected.RepoTag! : expected.Partial ?? "", StringComparison.Ordinal);
    }

    static async Task AssertIs(RecordedArchive recorded, RecordedImage expected, IArchive archive, ArchivedImage actual)
    {
        Assert.Equal(recorded.HasLostManifests || expected.NameHasWrongDigest, actual.DigestPreserved == false);
        // Whoever makes an archive as podman and skopeo do may have changed what has no digest in its name.
        Assert.Equal(!expected.NameHasWrongDigest && IsProved(recorded, archive, actual), actual.DigestPreserved == true);
        Assert.Equal(actual.DigestPreserved == false || IsUnfiltered(archive, actual) || expected.IsAmbiguous
            || actual.NameSource.StartsWith("containerd.io/distribution.source", StringComparison.Ordinal), actual.Warning is not null);
        if (recorded.DockerEntries.Count > 0)
            await AssertIsDocker(recorded, expected, archive, actual);
        if (!actual.HasManifest)
        {
            Assert.False(expected.IsComplete);
            Assert.Null(expected.MediaType);
            Assert.Null(await archive.ReadManifestAsync(new Reference("any", "where").WithDigest(actual.Root.Digest), default));
            return;
        }

        var parts = await ImageParts.Read(archive, actual);
        if (expected.MediaType is not null)
            Assert.Equal(expected.MediaType, parts.MediaType);
        Assert.Equal(parts.MediaType, actual.Root.MediaType);
        if (expected.IsComplete == false)
        {
            // Base layers that v1 left out may still lie in the layout of a catalog.
            var noted = (string)expected.Json["note"]!;
            var inCatalogs = archive.Format == "oc-mirror-v1" ? archive.Contents.Select(blob => blob.Digest.ToString()).Where(digest => noted.Contains(digest[..19], StringComparison.Ordinal)) : [];
            Assert.Equal(Regex.Matches(noted, "sha256:[0-9a-f]{12}").Select(match => match.Value).Except(inCatalogs.Select(digest => digest[..19])).Order(), parts.MissingBlobs.Select(blob => blob.ToString()[..19]).Order());
            return;
        }

        Assert.Equal(expected.Platforms, parts.Platforms);
        Assert.Equal(expected.MissingPlatforms, parts.MissingPlatforms);
        Assert.Equal(expected.MissingPlatforms.Count == 0, parts.IsWhole);
    }

    static bool IsProved(RecordedArchive recorded, IArchive archive, ArchivedImage actual) =>
        actual.Reference?.Digest == actual.Root.Digest || archive.Format is "imgpkg" or "oc-mirror-v1" or "oc-mirror-v2"
            || recorded.File.StartsWith("hauler", StringComparison.Ordinal)
        || (recorded.File is var file
            && (file.StartsWith("ctr-2", StringComparison.Ordinal)
                || file.StartsWith("docker-28.5.2-containerd", StringComparison.Ordinal)));

    // 4.17 filters no catalogs, and v1 only where it publishes.
    static bool IsUnfiltered(IArchive archive, ArchivedImage actual) =>
        archive.Format is "oc-mirror-v1" or "oc-mirror-v2" && actual.Reference?.Repository == "redhat/demo-operator-index";

    static async Task AssertIsDocker(RecordedArchive recorded, RecordedImage expected, IArchive archive, ArchivedImage actual)
    {
        var raw = await archive.ReadManifestAsync(new Reference("any", "where").WithDigest(actual.Root.Digest), default);
        var manifest = Assert.IsType<ImageManifest>(Manifest.Parse(raw!));
        var entry = recorded.DockerEntries.Single(candidate => (string)candidate["config_digest"]! == manifest.Config.Digest.ToString());
        Assert.Equal(entry["layers"]!.Select(layer => (string)layer["stored_digest"]!), manifest.Layers.Select(layer => layer.Digest.ToString()));
        Assert.Equal(entry["layers"]!.Select(layer => (bool)layer["gzip"]!), manifest.Layers.Select(layer => layer.MediaType.EndsWith("+gzip", StringComparison.Ordinal)));
        if (entry["repo_tags"] is JArray { Count: > 0 } tags)
            Assert.Contains(actual.Name, tags.Select(tag => (string)tag!));
        else
            Assert.Null(expected.Reference);
    }
}
