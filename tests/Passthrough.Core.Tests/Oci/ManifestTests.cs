using System.Text;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Tests.Oci;

public class ManifestTests
{
    static readonly string A = "sha256:" + new string('a', 64);
    static readonly string B = "sha256:" + new string('b', 64);

    [Fact]
    public void Reads_an_image_manifest()
    {
        var manifest = Assert.IsType<ImageManifest>(Parse(MediaTypes.OciManifest, $$$"""
            {"schemaVersion":2,"mediaType":"{{{MediaTypes.OciManifest}}}",
             "config":{"mediaType":"{{{MediaTypes.OciConfig}}}","digest":"{{{A}}}","size":2},
             "layers":[{"mediaType":"{{{MediaTypes.OciLayerGzip}}}","digest":"{{{B}}}","size":7},{"mediaType":"{{{MediaTypes.OciLayerGzip}}}","digest":"{{{B}}}","size":7}],
             "subject":{"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{B}}}","size":9}}
            """));

        Assert.Equal([A, B, B], manifest.Blobs.Select(blob => blob.Digest.ToString()));
        Assert.Equal(9, manifest.Subject!.Size);
        Assert.Empty(manifest.Manifests);
    }

    [Fact]
    public void Reads_an_index_with_platforms()
    {
        var index = Assert.IsType<ImageIndex>(Parse(MediaTypes.OciIndex, $$$"""
            {"schemaVersion":2,"manifests":[
              {"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{A}}}","size":2,"platform":{"os":"linux","architecture":"arm","variant":"v7"}},
              {"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{B}}}","size":3}]}
            """));

        Assert.Equal("linux/arm/v7", index.Children[0].Platform!.ToString());
        Assert.Null(index.Children[1].Platform);
        Assert.True(Platform.Parse("linux/arm").Matches(index.Children[0].Platform!));
        Assert.False(Platform.Parse("linux/arm/v6").Matches(index.Children[0].Platform!));
    }

    [Theory]
    [InlineData("nonsense", "is no valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{}", "is neither an image manifest nor an index")]
    [InlineData("""{"schemaVersion":1,"fsLayers":[]}""", "is a Docker schema 1 manifest")]
    [InlineData("""{"layers":[]}""", "has no config")]
    [InlineData("""{"config":{"digest":"sha256:../x","size":1},"layers":[]}""", "has a bad config: invalid checksum digest length")]
    [InlineData("""{"manifests":[{"digest":"DIGEST","size":-1}]}""", "has a bad manifests[0]: size is missing or no positive integer")]
    [InlineData("""{"manifests":[],"manifests":[]}""", "is no valid JSON")]
    public void Refuses_what_is_no_manifest(string text, string reason)
    {
        var fault = Assert.Throws<ModuleException>(() => Parse(MediaTypes.OciManifest, text.Replace("DIGEST", A, StringComparison.Ordinal)));

        Assert.Equal(ErrorCodes.ArchiveCorrupt, fault.Code);
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    static Manifest Parse(string mediaType, string text) => Manifest.Parse(RawManifest.Of(mediaType, Encoding.UTF8.GetBytes(text)));
}
