using System.Text;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Tests.Oci;

public class DigestTests
{
    const string Empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void Hashes_bytes()
    {
        var digest = Digest.Sha256([]);

        Assert.Equal("sha256:" + Empty, digest.ToString());
        Assert.Equal("sha256", digest.Algorithm);
        Assert.Equal(Empty, digest.Hex);
    }

    [Fact]
    public void Hashes_in_steps_under_its_own_algorithm()
    {
        var content = Encoding.UTF8.GetBytes("some bytes");
        var sha512 = Digest.Parse("sha512:" + new string('0', 128)).OfSameAlgorithm(content);
        using var hash = sha512.StartHash();
        hash.AppendData(content.AsSpan(0, 4));
        hash.AppendData(content.AsSpan(4));

        Assert.Equal(sha512, Digest.Finish(hash));
        Assert.StartsWith("sha512:", sha512.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sha256:../../etc/passwd", "invalid checksum digest length")]
    [InlineData("sha256:" + Empty + "00", "invalid checksum digest length")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "invalid checksum digest format")]
    [InlineData("e3b0", "invalid checksum digest format")]
    [InlineData("", "invalid checksum digest format")]
    public void Refuses_what_is_no_digest(string text, string reason)
    {
        var fault = Assert.Throws<ModuleException>(() => Digest.Parse(text));

        Assert.Equal($"digest \"{text}\": {reason}", fault.Message);
    }
}
