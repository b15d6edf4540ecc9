using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class DeliveredImagesTests : IDisposable
{
    const string Registry = "registry.example.com:8443";

    static readonly Digest One = Digest.Sha256("one"u8);
    static readonly Digest Two = Digest.Sha256("two"u8);

    readonly TestFolder folder = new("delivered");

    public void Dispose() => folder.Dispose();

    string Path => folder["icsp", "delivered-quay.json"];

    static DeliveredImage Image(string source, Digest digest, string archive = "a") =>
        new(Reference.Parse(source), Reference.Parse($"{Registry}/mirror/{source.Split('@')[0]}"), digest, MediaTypes.OciIndex) { Platforms = ["linux/amd64"], ArchiveId = archive };

    [Fact]
    public void The_file_has_the_shape_that_its_readers_know()
    {
        var record = DeliveredImages.Of(Registry, Path).With([Image("quay.io/team/tool:2", Two) with { DigestPreserved = false, Platforms = [] }, Image("quay.io/team/app:1", One)]);

        Assert.Equal(
            $$"""
            {
              "format": 1,
              "registry": "registry.example.com:8443",
              "images": [
                {
                  "ref": "quay.io/team/app:1",
                  "target": "registry.example.com:8443/mirror/quay.io/team/app:1",
                  "digest": "{{One}}",
                  "media_type": "application/vnd.oci.image.index.v1+json",
                  "platforms": [
                    "linux/amd64"
                  ],
                  "archive": "a"
                },
                {
                  "ref": "quay.io/team/tool:2",
                  "target": "registry.example.com:8443/mirror/quay.io/team/tool:2",
                  "digest": "{{Two}}",
                  "media_type": "application/vnd.oci.image.index.v1+json",
                  "platforms": [],
                  "archive": "a",
                  "digest_preserved": false
                }
              ]
            }

            """,
            record.Render());
        Assert.True(record.Write(Path, checkMode: true).Changed);
        Assert.Null(DeliveredImages.Read(Path));
        Assert.True(record.Write(Path, checkMode: false).Changed);
        Assert.False(record.Write(Path, checkMode: false).Changed);
        var read = DeliveredImages.Of(Registry, Path);
        Assert.Equal(record.Render(), read.Render());
        Assert.Equal((One, false), (read.Images[0].Digest, read.Images[1].DigestPreserved));
    }

    [Fact]
    public void A_target_has_one_entry_which_changes_with_its_digest_only()
    {
        var first = DeliveredImages.Empty(Registry).With([Image("quay.io/team/app:1", One, "a")]);

        Assert.Equal("a", first.With([Image("quay.io/team/app:1", One, "b")]).Images.Single().ArchiveId);
        var moved = first.With([Image("quay.io/team/app:1", Two, "b")]).Images.Single();
        Assert.Equal((Two, "b"), (moved.Digest, moved.ArchiveId));
    }

    [Theory]
    [InlineData("{", "it is no valid JSON")]
    [InlineData("[]", "it is no record of delivered images")]
    [InlineData("""{"format": 2, "registry": "r.example.com", "images": []}""", "its format is 2, this program knows 1")]
    [InlineData("""{"format": 1, "registry": "r.example.com", "images": ["x"]}""", "images[0] is not whole")]
    [InlineData("""{"format": 1, "registry": "r.example.com", "images": [{"ref": "a:1", "target": "r.example.com/a:1", "digest": "sha256:1", "media_type": "x"}]}""", "images[0] is not whole")]
    public void What_is_no_record_is_not_taken_for_one(string text, string reason)
    {
        var path = folder.Write("record.json", text);

        var fault = Assert.Throws<ModuleException>(() => DeliveredImages.Read(path));

        Assert.StartsWith($"record_path {path} cannot be used: {reason}", fault.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorCodes.File, fault.Code);
    }
}
